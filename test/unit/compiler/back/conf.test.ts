import { describe, expect, it } from 'vitest';
import { beConf, feConf } from '../../../../compiler/emit/conf.ts';
import { emit } from '../../../../compiler/emit/emit.ts';
import { cluster } from './sample.ts';

const keysOf = (text: string): string[] => [...text.matchAll(/^([A-Za-z_]+) = /gm)].map(match => match[1] ?? '');

/** What the entrypoint exports from the env file; STARROCKS_HOME and LOG_DIR come from StarRocks' own start script. */
const exported = (env: string): string[] => [...env.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(match => match[1] ?? '');

describe('conf files', () => {
  it('are one text for all hosts, filled from the env file of each', () => {
    const { files } = emit(cluster());
    const of = (address: string, path: string) => files.get(`hosts/${address}/${path}`)?.text;
    for (const path of ['conf/fe/fe.conf', 'conf/be/be.conf'])
      expect(of('192.168.1.11', path)).toBe(of('192.168.1.10', path));
  });

  it.each([
    ['fe.conf', 'conf/fe/fe.conf', 'starrocks-fe.env'],
    ['be.conf', 'conf/be/be.conf', 'starrocks-be.env'],
  ])('%s names no variable that is missing at the start, where StarRocks would exit', (_name, conf, env) => {
    const { files } = emit(cluster());
    const text = files.get(`hosts/192.168.1.10/${conf}`)?.text ?? '';
    const there = exported(files.get(`hosts/192.168.1.10/${env}`)?.text ?? '');
    const used = [...text.replace(/^#.*$/gm, '').matchAll(/\$\{([A-Z_]+)\}/g)].map(match => match[1] ?? '');
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter(name => ![...there, 'STARROCKS_HOME', 'LOG_DIR'].includes(name))).toEqual([]);
  });

  it('fe.conf binds to the address of the host and takes its ports', () => {
    expect(feConf({})).toContain('\npriority_networks = ${HOST_IP}/32\nhttp_port = ${HTTP_PORT}\n');
    expect(feConf({})).toContain('\nmeta_dir = ${STARROCKS_HOME}/meta\n');
    expect(feConf({})).toContain('-Xmx${FE_HEAP_MIB}m ');
  });

  it('be.conf takes folders and memory limit', () => {
    expect(beConf({})).toContain('\nstorage_root_path = ${BE_STORAGE_ROOT_PATH}\nmem_limit = ${BE_MEM_LIMIT}\n');
  });

  it('bound every log that StarRocks writes', () => {
    for (const log of ['sys', 'audit', 'dump', 'internal', 'big_query']) {
      expect(feConf({})).toContain(`\n${log}_log_roll_num = 10\n`);
      expect(feConf({})).toContain(`\n${log}_log_delete_age = 7d\n`);
    }
    expect(feConf({})).toContain('\nlog_roll_size_mb = 256\n');
    expect(feConf({})).toContain('filecount=5,filesize=50M');
    expect(beConf({})).toContain('\nsys_log_roll_mode = SIZE-MB-512\nsys_log_roll_num = 10\n');
  });

  it('set each key once, an overridden one to what the person wrote', () => {
    const text = feConf({ sys_log_level: 'WARN', max_bdbje_clock_delta_ms: '10000' });
    expect(text).toMatch(/\n# From cluster.yaml:\nmax_bdbje_clock_delta_ms = 10000\nsys_log_level = WARN\n$/);
    const keys = keysOf(text);
    expect(keys.length).toBe(new Set(keys).size);
  });
});
