import type { SshAccess } from './contract/cluster-json.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { type Finding, placeFindings } from './diagnostics/finding.ts';
import type { Be, Cluster, Host } from './model/cluster.ts';
import { allocatePorts, type PortAnswer, type PortRequest } from './ports/allocate.ts';
import { readAllocations } from './ports/previous.ts';
import { checkRules } from './rules/check.ts';
import { confText } from './rules/conf.ts';
import { type Draft, type DraftHost, type DraftSsh, draftOf } from './rules/draft.ts';
import { planMemory } from './rules/memory.ts';
import { passwordVariable } from './rules/password.ts';
import { renameKeys } from './rules/renamed-keys.ts';
import { validate } from './schema/validate.ts';
import { decode } from './source/decode.ts';
import { parse } from './source/parse.ts';

/**
 * Reads cluster.yaml: every default filled in, every rule checked, all diagnostics at once and in the order of the file.
 * @param input.file name for the diagnostics
 * @param input.text the file, as bytes where they come from a disk
 * @param input.previous parsed JSON of the previous cluster.json, or undefined: only its ports are read
 * @returns the cluster, or null when any diagnostic is an error
 */
export function readCluster(input: { file: string; text: string | Uint8Array; previous: unknown }): {
  cluster: Cluster | null;
  diagnostics: Diagnostic[];
} {
  const { text, findings: unreadable } = decode(input.text);
  const place = (findings: readonly Finding[]): Diagnostic[] => placeFindings(findings, input.file, text);
  if (unreadable.length > 0) return { cluster: null, diagnostics: place(unreadable) };
  const { root, findings: unparsable } = parse(text);
  if (root === null) return { cluster: null, diagnostics: place(unparsable) };
  const renamed = renameKeys(root);
  const draft = draftOf(renamed.root);
  const ports = allocatePorts(portRequest(draft), readAllocations(input.previous));
  const findings = [...renamed.findings, ...checkRules(draft, validate(renamed.root)), ...ports.findings];
  const diagnostics = place(findings);
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return { cluster: failed ? null : clusterOf(draft, ports), diagnostics };
}

function portRequest({ fe_ports, hosts }: Draft): PortRequest {
  return {
    fe: fe_ports,
    hosts: hosts.map(({ address, at, fe, be }) => ({ address: address?.value ?? '', at, carriesFe: fe !== null, be })),
  };
}

function clusterOf(draft: Draft, ports: PortAnswer): Cluster {
  const version = draft.version?.value ?? '';
  return {
    name: draft.cluster?.value ?? '',
    version,
    master_host: draft.master_host?.value ?? '',
    fe_ports: ports.fe,
    default_replication_num: draft.default_replication_num.value,
    kafka_host: draft.kafka_host,
    password_env: passwordVariable(draft),
    allow_outage: draft.allow_outage,
    timeouts: draft.timeouts,
    images: {
      fe: draft.images.fe?.value ?? `starrocks/fe-ubuntu:${version}`,
      be: draft.images.be?.value ?? `starrocks/be-ubuntu:${version}`,
    },
    hosts: draft.hosts.map((host, position) => hostOf(host, ports.be[position] ?? [])),
  };
}

function hostOf(host: DraftHost, ports: PortAnswer['be'][number]): Host {
  const address = host.address?.value ?? '';
  const memory = planMemory(host);
  return {
    address,
    ssh: sshOf(host.ssh, address),
    maintenance: host.maintenance,
    deploy_dir: host.deploy_dir.value,
    location: host.location,
    memory: host.memory?.value ?? null,
    ulimits: host.ulimits,
    fe:
      host.fe === null
        ? null
        : {
            role: host.fe,
            heap_mib: memory.heap_mib,
            container_memory: memory.fe_container,
            conf: confText(host.fe_conf),
          },
    be: ports.map((bePorts, index) => beOf(host, memory, bePorts, index)),
  };
}

function beOf(host: DraftHost, memory: ReturnType<typeof planMemory>, ports: Be['ports'], index: number): Be {
  const share = memory.be[index];
  const storage = (host.be[index]?.storage ?? []).map(({ path, medium, capacity }) => ({
    path: path.value,
    medium,
    capacity: capacity?.value ?? null,
  }));
  return {
    index,
    ports,
    mem_limit: share?.mem_limit ?? '',
    container_memory: share?.container ?? 0,
    storage: storage.length > 0 ? storage : [{ path: null, medium: null, capacity: null }],
    conf: confText(host.be_conf),
  };
}

function sshOf(ssh: DraftSsh, address: string): SshAccess {
  const { user, port, sudo, host_key, bastion } = ssh;
  return { host: ssh.ssh_host?.value ?? address, port, user, sudo, host_key, bastion };
}
