import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { ProcessPromise } from 'zx';
import { labRoot } from './available.ts';
import { ip, shell } from './shell.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One machine of a lab: its own network, processes and disk, an SSH server and, if wanted, a Docker Engine. */
export interface LabHost {
  readonly name: string;
  readonly address: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  /** Where this machine sees the host's files, until its power is cut. */
  readonly root: string;
  /** Runs a shell command on the host as root, past SSH: it works while the host is partitioned. */
  run(command: string): Promise<CommandResult>;
  /** Pulls the network cable: at once, or in the moment in which nobody listens at a port any more. */
  partition(onceClosed?: number): Promise<void>;
  /** Puts the network cable back. */
  heal(): Promise<void>;
  /** Power loss: all processes end at once, and nobody on the network hears of it. The disk stays. */
  kill(): Promise<void>;
  /** Boots again after `kill`; resolves when SSH and Docker answer. Containers start again by their restart policy. */
  boot(): Promise<void>;
  stopDocker(): Promise<void>;
  startDocker(): Promise<void>;
  /** Puts a disk of `bytes` in the place of a folder, with what lay there, and fills what is left of it. */
  fillDisk(path: string, bytes: number): Promise<void>;
  /** Imports the tar file of a root file system as `ref`; what runs in it finds `env` in its environment. */
  importImage(tarFile: string, ref: string, env?: Variables): Promise<void>;
}

export type Variables = Readonly<Record<string, string>>;

/** A cable from the host to a bridge. */
export interface Cable {
  /** Name of the interface on the host. */
  readonly name: string;
  readonly bridge: string;
  /** Address with prefix length. */
  readonly address: string;
  /** Hardware address: a new one after a boot would leave the neighbours with a stale one for seconds. */
  readonly mac: string;
}

export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly hostKey: string;
  /** Folder of its overlay and its Docker data. */
  readonly state: string;
  /** Name of its network namespace, and the stem of its links' names. */
  readonly namespace: string;
  readonly cables: readonly Cable[];
  readonly docker: boolean;
}

const script = join(import.meta.dirname, 'host.sh');
const isolation = ['--mount', '--uts', '--pid', '--ipc', '--fork', '--kill-child', '--propagation', 'private'];

/** A host that is switched off; `boot` starts it. */
export function hostOf(machine: Machine): LabHost {
  return new Host(machine);
}

class Host implements LabHost {
  readonly name: string;
  readonly address: string;
  readonly hostKey: string;
  readonly #machine: Machine;
  #running: { readonly pid: number; readonly ended: ProcessPromise } | null = null;

  constructor(machine: Machine) {
    this.name = machine.name;
    this.address = machine.address;
    this.hostKey = machine.hostKey;
    this.#machine = machine;
  }

  async boot(): Promise<void> {
    if (this.#running !== null) throw new Error(`${this.name} runs already`);
    await this.#plugIn();
    const { state, name, docker, cables, namespace } = this.#machine;
    const addresses = cables.map(cable => `${cable.name}=${cable.address}`);
    const args = [state, labRoot, name, docker ? 'yes' : 'no', ...addresses];
    // A test process that dies takes its hosts along: nobody else would end them.
    const ended = shell({ stdio: ['ignore', 'pipe', 'pipe'], nothrow: true })`
      exec setpriv --pdeathsig KILL nsenter --net=/run/netns/${namespace} unshare ${isolation} bash ${script} ${args}`;
    let pid = 0;
    for await (const line of createInterface({ input: ended.stdout })) {
      if (line.startsWith('pid ')) pid = Number(line.slice(4));
      if (line === 'ready') {
        this.#running = { pid, ended };
        return;
      }
    }
    throw new Error(`${name} does not boot: ${(await ended).stdall}`);
  }

  async kill(): Promise<void> {
    if (this.#running === null) return;
    const { pid, ended } = this.#running;
    this.#running = null;
    // First the cable: a machine that loses power does not close its connections.
    await this.partition();
    process.kill(pid, 'SIGKILL');
    await ended;
    await this.#unplug();
  }

  async run(command: string): Promise<CommandResult> {
    const namespaces = ['--mount', '--uts', '--net', '--ipc', '--pid'];
    const { exitCode, stdout, stderr } = await shell({
      nothrow: true,
    })`nsenter --target ${this.#pid} ${namespaces} sh -c ${command}`;
    return { code: exitCode ?? 255, stdout, stderr };
  }

  async partition(onceClosed?: number): Promise<void> {
    const down = this.#links.map(link => `link set ${link} down`);
    if (onceClosed === undefined) return ip(...down);
    // One process waits and cuts: on a busy machine the moment is over before this one could start another.
    await shell({ input: down.join('\n') })`
      while (exec 3<>/dev/tcp/${this.address}/${onceClosed}) 2>/dev/null; do sleep 0.01; done
      exec ip -batch -`;
  }

  heal(): Promise<void> {
    return ip(...this.#links.map(link => `link set ${link} up`));
  }

  async stopDocker(): Promise<void> {
    await this.#must('lab-dockerd stop');
  }

  async startDocker(): Promise<void> {
    await this.#must('lab-dockerd start');
  }

  async fillDisk(path: string, bytes: number): Promise<void> {
    const copy = '/run/lab-disk';
    await this.#must(`mkdir -p ${path} ${copy}
      mount -t tmpfs -o size=${bytes} tmpfs ${copy}
      cp -a ${path}/. ${copy}
      mount --move ${copy} ${path}
      ! cat /dev/zero 2>/dev/null >${path}/lab-filler`);
  }

  async importImage(tarFile: string, ref: string, env: Variables = {}): Promise<void> {
    // The engine's socket seen from outside: the file need not be visible on the host.
    const socket = `unix://${this.root}/run/docker.sock`;
    const changes = Object.entries(env).flatMap(([name, value]) => ['--change', `ENV ${name}=${value}`]);
    await shell`docker --host ${socket} import ${changes} ${tarFile} ${ref}`;
  }

  get root(): string {
    return `/proc/${this.#pid}/root`;
  }

  get #pid(): number {
    if (this.#running === null) throw new Error(`${this.name} is switched off`);
    return this.#running.pid;
  }

  get #links(): readonly string[] {
    return this.#machine.cables.map((_, index) => linkName(this.#machine, index));
  }

  async #must(command: string): Promise<void> {
    const { code, stdout, stderr } = await this.run(`set -e; ${command}`);
    if (code !== 0) throw new Error(`${this.name}: ${command}: exit code ${code}: ${stdout}${stderr}`);
  }

  /** A boot gets a new network namespace: in the old one the sockets of the killed processes would live on for minutes. */
  #plugIn(): Promise<void> {
    const { namespace, cables } = this.#machine;
    return ip(
      `netns add ${namespace}`,
      ...cables.flatMap(({ name, bridge, mac }, index) => {
        const link = linkName(this.#machine, index);
        return [
          `link add ${link} type veth peer name ${name} address ${mac} netns ${namespace}`,
          `link set ${link} master ${bridge}`,
          `link set ${link} up`,
        ];
      }),
    );
  }

  #unplug(): Promise<void> {
    return ip(...this.#links.map(link => `link delete ${link}`), `netns delete ${this.#machine.namespace}`);
  }
}

function linkName(machine: Machine, index: number): string {
  return index === 0 ? machine.namespace : `${machine.namespace}x${index}`;
}
