import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SELF = '10.0.0.2';
export const MASTER = '10.0.0.1';

/** What SHOW FRONTENDS of a leader prints, by the columns of a release. */
export const frontends = (
  rows: readonly (readonly [ip: string, role: string, alive: string])[],
  release: '3.3' | '3.5' = '3.3',
): string => {
  const head = [
    ...(release === '3.5' ? ['Id'] : []),
    'Name',
    'IP',
    'EditLogPort',
    'HttpPort',
    'QueryPort',
    'RpcPort',
    'Role',
    'ClusterId',
    'Join',
    'Alive',
  ];
  const lines = rows.map(([ip, role, alive], index) =>
    [
      ...(release === '3.5' ? [String(index + 1)] : []),
      `${ip}_9010_1`,
      ip,
      '9010',
      '8030',
      '9030',
      '9020',
      role,
      '7',
      alive,
      alive,
    ].join('\t'),
  );
  return `${[head.join('\t'), ...lines].join('\n')}\n`;
};

export const backends = (rows: readonly (readonly [ip: string, port: string])[]): string =>
  `${[['BackendId', 'IP', 'HeartbeatPort'].join('\t'), ...rows.map(([ip, port], index) => [String(10001 + index), ip, port].join('\t'))].join('\n')}\n`;

const short = {
  ...{ FE_WAIT_SECONDS: '3', BE_WAIT_SECONDS: '3' },
  ...{ FE_POLL_SECONDS: '0.05', BE_POLL_SECONDS: '0.05' },
  ...{ FE_REPORT_SECONDS: '1', BE_REPORT_SECONDS: '1' },
};

/**
 * The inside of a container: StarRocks' folders, the compiled files, and stand-ins for `mysql`, `curl` and the start
 * scripts that answer from files and write down how they were called.
 */
export class ContainerRoot {
  readonly root = mkdtempSync(join(tmpdir(), 'starrocks-ha-container-'));
  readonly #running = new Set<ChildProcess>();

  constructor() {
    for (const folder of [
      'fe/bin',
      'fe/conf',
      'fe/meta',
      'be/bin',
      'be/conf',
      'be/storage',
      'be/storage-1',
      'run/conf/fe',
      'run/conf/be',
      'run/state',
      'run/state-copy',
      'bin',
      'answers',
    ]) {
      mkdirSync(this.path(folder), { recursive: true });
    }
    cpSync('compiler/scripts', this.path('run/bin'), { recursive: true });
    this.write('run/conf/fe/fe.conf', 'http_port = ${HTTP_PORT}\n');
    this.write('run/conf/be/be.conf', 'be_port = ${BE_PORT}\n');
    this.write('fe/conf/hadoop_env.sh', 'kept\n');
    this.feEnv({});
    this.beEnv({});
    // A start script that says how it was called and, when told so, writes metadata piece by piece.
    for (const kind of ['fe', 'be']) {
      this.program(
        `${kind}/bin/start_${kind}.sh`,
        `#!/bin/bash
echo "$$ $*" >>"${this.path('started')}"
if [ -e "${this.path('answers/metadata')}" ]; then
  for step in $(cat "${this.path('answers/metadata')}"); do
    mkdir -p "$(dirname "${this.root}/$step")"; echo '${kind === 'fe' ? 'clusterId=7' : '7-3.3.18'}' >"${this.root}/$step"; echo "$step" >>"${this.path('progress')}"
    sleep 0.05
  done
fi
touch "${this.path('ready')}"
exec sleep 600
`,
      );
    }
    // Power fails right before the MOMENT-th command that changes a file or the cluster; between two of them nothing does.
    this.write(
      'power',
      `moment() {
  case $BASH_COMMAND in mkdir* | printf*'>'* | mv* | rm* | timeout* | exec*) ;; *) return 0 ;; esac
  printf . >>"${this.path('moments')}"
  local so_far
  so_far=$(<"${this.path('moments')}")
  if [ "\${#so_far}" -eq "$MOMENT" ]; then kill -9 -- "-$$"; fi
}
case $0 in *-entrypoint.sh) set -T; trap moment DEBUG ;; esac
`,
    );
    // Once unset, SECONDS is a variable like any other. By seconds at first, then by as much as lies between two lines.
    this.write(
      'clock',
      `unset SECONDS; SECONDS=0
sleep() { echo "$1" >>"${this.path('slept')}"; }
wait() { builtin wait "$@"; SECONDS=$((SECONDS + (SECONDS < 20 ? 1 : 5))); }
`,
    );
    // mysql: SHOW answers from a file, that of the asked FE before that of all; ADD is written down and changes the answer.
    this.program(
      'bin/mysql',
      `#!/bin/bash
while [ $# -gt 0 ]; do case $1 in -h) host=$2; shift ;; -e) sql=$2; shift ;; esac; shift; done
echo "$host $sql" >>"${this.path('sql')}"
if [ -e "${this.path('answers/sql-up')}" ] && ! grep -qx "$host" "${this.path('answers/sql-up')}"; then
  echo "ERROR 2003 (HY000): Can't connect" >&2; exit 1
fi
if [ -e "${this.path('answers/denied')}" ]; then echo "ERROR 1045 (28000): Access denied for user 'root'" >&2; exit 1; fi
case $sql in
  'SHOW FRONTENDS') file=frontends ;;
  'SHOW BACKENDS') file=backends ;;
  *) [ -e "${this.path('answers')}/after" ] && cp "${this.path('answers')}"/after/* "${this.path('answers')}/"; exit 0 ;;
esac
[ ! -e "${this.path('answers')}/$file-of-$host" ] || file=$file-of-$host
[ -e "${this.path('answers')}/$file" ] || { echo "ERROR 2003 (HY000): Can't connect" >&2; exit 1; }
cat "${this.path('answers')}/$file"
`,
    );
    this.program(
      'bin/curl',
      `#!/bin/bash
for word; do url=$word; done
host=\${url#http://}; host=\${host%%:*}
if [ "$host" = "${SELF}" ] && [ -e "${this.path('ready')}" ]; then echo '{"status":"OK"}'; exit 0; fi
if grep -qx "$host" "${this.path('answers/up')}" 2>/dev/null; then echo '{"status":"OK"}'; exit 0; fi
exit 7
`,
    );
  }

  path(relative: string): string {
    return join(this.root, relative);
  }

  write(relative: string, text: string): void {
    mkdirSync(join(this.path(relative), '..'), { recursive: true });
    writeFileSync(this.path(relative), text);
  }

  program(relative: string, text: string): void {
    this.write(relative, text);
    chmodSync(this.path(relative), 0o755);
  }

  read(relative: string): string {
    return existsSync(this.path(relative)) ? readFileSync(this.path(relative), 'utf8') : '';
  }

  exists(relative: string): boolean {
    return existsSync(this.path(relative));
  }

  feEnv(more: Readonly<Record<string, string>>): void {
    const env = {
      HOST_IP: SELF,
      FE_INDEX: '1',
      HTTP_PORT: '8030',
      RPC_PORT: '9020',
      FE_QUERY_PORT: '9030',
      EDIT_LOG_PORT: '9010',
      MASTER_FE_HOST: MASTER,
      MASTER_FE_EDIT_LOG_PORT: '9010',
      MASTER_FE_QUERY_PORT: '9030',
      DEFAULT_REPLICATION_NUM: '3',
      CLUSTER: 'test',
      FE_ROLE: 'follower',
      FE_HEAP_MIB: '512',
      ...more,
    };
    this.write(
      'run/starrocks-fe.env',
      Object.entries(env)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
  }

  beEnv(more: Readonly<Record<string, string>>): void {
    const env = {
      HOST_IP: SELF,
      BE_INDEX: '0',
      BE_PORT: '9060',
      BE_HTTP_PORT: '8040',
      HEARTBEAT_PORT: '9050',
      BRPC_PORT: '8060',
      STARLET_PORT: '9070',
      FE_HOST: MASTER,
      FE_QUERY_PORT: '9030',
      CLUSTER: 'test',
      BE_MEM_LIMIT: '1G',
      BE_STORAGE_ROOT_PATH: '/opt/starrocks/be/storage',
      BE_STORAGE_PATHS: '/opt/starrocks/be/storage',
      ...more,
    };
    this.write(
      'run/starrocks-be.env',
      Object.entries(env)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
  }

  wholeMetadata(): void {
    for (const file of ['image/ROLE', 'image/VERSION', 'bdb/00000000.jdb'])
      this.write(`fe/meta/${file}`, 'clusterId=7\n');
  }

  /**
   * Starts an entrypoint; its output is collected.
   * @param moment power fails at this one of its moments, 1 the first; it lives when it has fewer
   * @param limits its own ones pass without a wait, on a clock that only its naps move; `slept` holds their seconds
   */
  start(
    script: 'fe-entrypoint.sh' | 'be-entrypoint.sh',
    { moment, limits = 'short' }: { readonly moment?: number; readonly limits?: 'short' | 'its own' } = {},
  ): {
    readonly child: ChildProcess;
    readonly log: () => string;
    readonly ended: Promise<number | null>;
  } {
    const child = spawn('bash', [this.path(`run/bin/${script}`)], {
      env: {
        PATH: `${this.path('bin')}:${process.env['PATH']}`,
        STARROCKS_ROOT: this.root,
        ...(limits === 'short' ? short : { BASH_ENV: this.path('clock') }),
        ...(moment === undefined ? {} : { BASH_ENV: this.path('power'), MOMENT: String(moment) }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#running.add(child);
    let log = '';
    child.stdout?.on('data', chunk => (log += chunk));
    child.stderr?.on('data', chunk => (log += chunk));
    const ended = new Promise<number | null>(done => child.once('close', code => done(code)));
    return { child, log: () => log, ended };
  }

  /** KILL to everything that runs in the container, as power loss is. */
  kill(): void {
    for (const { pid } of this.#running) {
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
    this.#running.clear();
  }

  remove(): void {
    this.kill();
    rmSync(this.root, { recursive: true, force: true });
  }

  /** How often, and with which arguments, StarRocks was started. */
  get starts(): string[] {
    return this.read('started')
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.replace(/^\d+ /, ''));
  }

  get statements(): string[] {
    return this.read('sql')
      .split('\n')
      .filter(line => line.includes('ALTER SYSTEM'));
  }
}
