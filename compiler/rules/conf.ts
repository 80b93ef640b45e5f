import type { Finding } from '../diagnostics/finding.ts';
import { nearest } from '../diagnostics/nearest.ts';
import type { Draft, DraftConf } from './draft.ts';

/** Keys that the compiler writes itself → what to write instead. */
const owned: ReadonlyMap<string, string> = new Map(
  Object.entries({
    http_port: 'Write it under `defaults.ports`.',
    rpc_port: 'Write it under `defaults.ports`.',
    query_port: 'Write it under `defaults.ports`.',
    edit_log_port: 'Write it under `defaults.ports`.',
    be_port: 'Write it under `ports`.',
    be_http_port: 'Write it under `ports`.',
    webserver_port: 'Write `be_http_port` under `ports`.',
    heartbeat_service_port: 'Write it under `ports`.',
    brpc_port: 'Write it under `ports`.',
    starlet_port: 'Write it under `ports`.',
    storage_root_path: 'Write the folders under `be.storage`.',
    mem_limit: 'Write it as `be.mem_limit`.',
    default_replication_num: 'Write it at the top level of the file.',
    priority_networks: 'It is the address of the host: delete the line.',
    frontend_address: 'It is the address of the host: delete the line.',
    meta_dir: 'Metadata lies in `deploy_dir`: delete the line.',
    run_mode: 'Only shared_nothing is supported: delete the line.',
    drop_backend_after_decommission: 'A deploy drops a BE itself when it is drained: delete the line.',
    cluster_id: 'The cluster gives it to a BE: delete the line.',
    sys_log_dir: 'Logs lie in `deploy_dir`: delete the line.',
    audit_log_dir: 'Logs lie in `deploy_dir`: delete the line.',
    dump_log_dir: 'Logs lie in `deploy_dir`: delete the line.',
    internal_log_dir: 'Logs lie in `deploy_dir`: delete the line.',
    big_query_log_dir: 'Logs lie in `deploy_dir`: delete the line.',
    sys_log_roll_num: 'Logs are bounded by the compiler: delete the line.',
    sys_log_roll_mode: 'Logs are bounded by the compiler: delete the line.',
    sys_log_roll_interval: 'Logs are bounded by the compiler: delete the line.',
    sys_log_delete_age: 'Logs are bounded by the compiler: delete the line.',
    sys_log_to_console: 'Logs are bounded by the compiler: delete the line.',
    audit_log_roll_num: 'Logs are bounded by the compiler: delete the line.',
    audit_log_delete_age: 'Logs are bounded by the compiler: delete the line.',
    dump_log_roll_num: 'Logs are bounded by the compiler: delete the line.',
    dump_log_delete_age: 'Logs are bounded by the compiler: delete the line.',
    internal_log_roll_num: 'Logs are bounded by the compiler: delete the line.',
    internal_log_delete_age: 'Logs are bounded by the compiler: delete the line.',
    big_query_log_roll_num: 'Logs are bounded by the compiler: delete the line.',
    big_query_log_delete_age: 'Logs are bounded by the compiler: delete the line.',
    log_roll_size_mb: 'Logs are bounded by the compiler: delete the line.',
  }),
);

/** Left in a conf file, these break the quorum or the metadata at a later start. */
const recovery = ['bdbje_reset_election_group', 'metadata_failure_recovery', 'start_with_incomplete_meta'];

// StarRocks passes upper-case lines through the shell's eval, so they are no configuration but commands.
const confKey = /^[a-z][a-z0-9_]*$/;
const confValue = /^[\x20-\x7e]{0,1024}$/;

export function checkConf({ hosts }: Draft): Finding[] {
  return hosts.flatMap(host => [...checkLines(host.fe_conf, 'fe_conf'), ...checkLines(host.be_conf, 'be_conf')]);
}

/** The value as it is written into the conf file: a number keeps its digits. */
export function confText(conf: DraftConf): Record<string, string> {
  return Object.fromEntries(
    conf.map(({ name, value }) => [
      name,
      value.kind !== 'scalar' ? '' : typeof value.value === 'number' ? value.source : String(value.value),
    ]),
  );
}

function checkLines(lines: DraftConf, file: string): Finding[] {
  return lines.flatMap(({ name, key, value }): Finding[] => {
    const reason = refuseKey(name, file);
    const findings: Finding[] = reason === undefined ? [] : [{ code: 'E_CONF_KEY', at: key, ...reason }];
    if (value.kind === 'scalar' && typeof value.value === 'string' && !isPlain(value.value)) {
      findings.push({
        code: 'E_CHARACTER',
        at: value.at,
        message: `\`${name}\` would not be read back as it is written.`,
        hint: 'A conf value is one line of at most 1024 ASCII characters, without blanks at its ends and without `#` at its beginning.',
      });
    }
    return findings;
  });
}

const isPlain = (value: string): boolean =>
  confValue.test(value) && value === value.trim() && !/^[#!]/.test(value) && value !== '';

function refuseKey(name: string, file: string): { message: string; hint: string } | undefined {
  const hint = owned.get(name);
  if (hint !== undefined)
    return { message: `\`${name}\` is written by the compiler and cannot be set in \`${file}\`.`, hint };
  if (recovery.includes(name)) {
    return {
      message: `\`${name}\` is for recovery by hand and must not stay in a conf file.`,
      hint: 'Delete the line, and follow the recovery recipe of StarRocks.',
    };
  }
  if (confKey.test(name)) return undefined;
  if (name === 'JAVA_OPTS' || name.startsWith('JAVA_OPTS_'))
    return {
      message: `\`${name}\` is written by the compiler and cannot be set in \`${file}\`.`,
      hint: 'Write the heap as `resources.fe_heap`.',
    };
  const near = nearest(name.toLowerCase(), [...owned.keys()]);
  return {
    message: `\`${name}\` is no key of a conf file: StarRocks runs upper-case lines through a shell.`,
    hint:
      near === undefined
        ? 'A key holds lower-case letters, digits and `_`.'
        : `Did you mean \`${near}\`? ${owned.get(near) ?? ''}`,
  };
}
