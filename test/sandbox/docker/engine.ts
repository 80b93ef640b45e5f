import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { DockerError, type Rendered, readCompose } from './compose-file.ts';
import { Container, containerRoot, type Surroundings } from './container.ts';

export interface EngineOptions {
  /** The host's folder. */
  readonly folder: string;
  /** Where the sandbox's `docker` finds it. */
  readonly address: string;
  readonly port: number;
  /** Lays an image out as a container's root; throws for an image that no registry has. */
  readonly unpack: (image: string, root: string) => Promise<void>;
  readonly available: (image: string) => boolean;
  readonly env: (root: string) => Readonly<Record<string, string>>;
  readonly started: Surroundings['started'];
}

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ok = (stdout = ''): Answer => ({ code: 0, stdout, stderr: '' });

/** A Docker Engine for processes instead of containers: knows the commands that the product's host scripts use. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #containers = new Map<string, Container>();
  readonly #pulled = new Set<string>();
  #server: Server | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  get containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  /** Answers on its socket; containers that ran before a power loss run again, as Docker's do. */
  async start(): Promise<void> {
    const server = createServer(socket => {
      let asked = '';
      socket.on('data', chunk => {
        asked += chunk;
        const question = readQuestion(asked);
        if (question === null) return;
        asked = '';
        void this.docker(question.args, question.cwd).then(({ code, stdout, stderr }) =>
          socket.end(`${code} ${Buffer.from(stderr).toString('base64')}\n${stdout}`),
        );
      });
      socket.on('error', () => undefined);
    });
    this.#server = server;
    const { address, port } = this.#options;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    for (const container of this.#unlessStopped) container.start();
    this.#unlessStopped = [];
  }

  #unlessStopped: Container[] = [];

  /** Power off. */
  async halt(): Promise<void> {
    this.#unlessStopped = this.containers.filter(one => one.status === 'running' || one.status === 'restarting');
    this.#server?.close();
    this.#server = null;
    await Promise.all(this.containers.map(container => container.kill()));
  }

  /** Ends and forgets every container. */
  async clear(): Promise<void> {
    await Promise.all(this.containers.map(container => container.kill()));
    this.#containers.clear();
  }

  async docker(args: readonly string[], cwd: string): Promise<Answer> {
    try {
      return await this.#command(args, cwd);
    } catch (error) {
      if (error instanceof DockerError) return { code: error.code, stdout: '', stderr: `${error.message}\n` };
      return {
        code: 125,
        stdout: '',
        stderr: `Error response from daemon: ${error instanceof Error ? error.message : error}\n`,
      };
    }
  }

  async #command(args: readonly string[], cwd: string): Promise<Answer> {
    const [command, ...rest] = args;
    switch (command) {
      case 'version':
        return ok(
          rest.length === 0
            ? 'Client: 28.5.2\nServer: 28.5.2\n'
            : only(rest, ['--format', '{{.Server.Version}}'], '28.5.2\n'),
        );
      case 'ps':
        return ok(only(rest, ['-a', '--no-trunc', '--format', '{{json .}}'], this.#list()));
      case 'inspect':
        return this.#inspect(rest);
      case 'image':
        return this.#imageInspect(rest);
      case 'pull':
        return this.#pull(rest);
      case 'stop':
        await this.#named(one(rest)).stop();
        return ok(`${one(rest)}\n`);
      case 'restart': {
        const container = this.#named(one(rest));
        await container.stop();
        container.start();
        return ok(`${one(rest)}\n`);
      }
      case 'rm':
        return this.#remove(one(rest));
      case 'start':
        this.#named(one(rest)).start();
        return ok(`${one(rest)}\n`);
      case 'logs':
        return this.#logs(rest);
      case 'compose':
        return this.#compose(rest, cwd);
      default:
        throw new DockerError(`docker: '${command}' is not a docker command of the sandbox.`);
    }
  }

  #named(name: string): Container {
    const container = this.#containers.get(name) ?? this.containers.find(({ id }) => id.startsWith(name));
    if (container === undefined) throw new DockerError(`Error response from daemon: No such container: ${name}`);
    return container;
  }

  #remove(name: string): Answer {
    const container = this.#named(name);
    if (container.status === 'running') {
      throw new DockerError(
        `Error response from daemon: cannot remove container "${name}": container is running: stop the container before removing or force remove`,
      );
    }
    this.#containers.delete(container.service.container);
    return ok(`${name}\n`);
  }

  #list(): string {
    return this.containers
      .map(({ id, service, status }) =>
        JSON.stringify({
          Command: JSON.stringify(service.command.join(' ')),
          ID: id,
          Image: service.image,
          Labels: Object.entries(service.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
          Names: service.container,
          State: status,
        }),
      )
      .map(line => `${line}\n`)
      .join('');
  }

  #inspect(args: readonly string[]): Answer {
    const words = args[0] === '--type' && args[1] === 'container' ? args.slice(2) : args;
    const format = words[0] === '--format' ? words[1] : undefined;
    const names = format === undefined ? words : words.slice(2);
    const found = names.flatMap(name => this.#containers.get(name) ?? this.containers.filter(({ id }) => id === name));
    const missing = names.length === found.length ? '' : `Error: No such object: ${names[0]}\n`;
    const stdout =
      format === undefined
        ? `${JSON.stringify(found.map(data), null, 4)}\n`
        : found.map(container => `${formatted(format, container)}\n`).join('');
    return { code: missing === '' ? 0 : 1, stdout, stderr: missing };
  }

  #imageInspect(args: readonly string[]): Answer {
    only(args.slice(0, 3), ['inspect', '--format', '{{.Id}}'], '');
    const images = args.slice(3);
    const missing = images.filter(image => !this.#pulled.has(image));
    return {
      code: missing.length === 0 ? 0 : 1,
      stdout: images.flatMap(image => (missing.includes(image) ? [] : [`${imageId(image)}\n`])).join(''),
      stderr: missing.map(image => `Error response from daemon: No such image: ${image}\n`).join(''),
    };
  }

  #pull(args: readonly string[]): Answer {
    const image = one(args.filter(word => word !== '--quiet'));
    if (!this.#options.available(image)) {
      throw new DockerError(`Error response from daemon: manifest for ${image} not found: manifest unknown`);
    }
    this.#pulled.add(image);
    return ok(`${image}\n`);
  }

  #logs(args: readonly string[]): Answer {
    const [flag, lines, name = ''] = args;
    if (flag !== '--tail') throw new DockerError('unknown flag');
    return ok(`${this.#named(name).log.trimEnd().split('\n').slice(-Number(lines)).join('\n')}\n`);
  }

  async #compose(args: readonly string[], cwd: string): Promise<Answer> {
    const words = [...args];
    if (words[0] === 'version') return ok('2.40.3\n');
    let folder = cwd;
    if (words[0] === '--project-directory') {
      folder = words[1] ?? cwd;
      words.splice(0, 2);
    }
    if (!isAbsolute(folder)) folder = join(cwd, folder);
    const services = readCompose(folder);
    const [verb, ...rest] = words;
    if (verb === 'config') return ok(only(rest, ['-q'], ''));
    const names = rest.filter(word => !word.startsWith('-') && word !== 'never');
    const flags = rest.filter(word => word.startsWith('-'));
    const chosen = names.length === 0 ? services : names.map(name => wanted(services, name));
    if (verb === 'up') {
      const strange = flags.find(flag => !['-d', '--no-deps', '--pull'].includes(flag));
      if (strange !== undefined || !flags.includes('-d'))
        throw new DockerError(`unknown flag: ${strange ?? 'up without -d'}`);
      for (const service of chosen) await this.#up(service, flags.includes('--pull'));
      return ok();
    }
    if (verb === 'stop') {
      await Promise.all(chosen.map(async service => this.#containers.get(service.container)?.stop()));
      return ok();
    }
    throw new DockerError(`unknown docker command: "compose ${verb}"`);
  }

  async #up(service: Rendered, neverPull: boolean): Promise<void> {
    if (!this.#pulled.has(service.image)) {
      if (neverPull) throw new DockerError(`Error response from daemon: No such image: ${service.image}`);
      this.#pull([service.image]);
    }
    const there = this.#containers.get(service.container);
    if (there !== undefined && there.service.definition === service.definition) return there.start();
    await there?.stop();
    const root = containerRoot(this.#options.folder, service.container);
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    await this.#options.unpack(service.image, root);
    const around = { root, env: this.#options.env(root), started: this.#options.started };
    const container = new Container(service, imageId(service.image), around);
    this.#containers.set(service.container, container);
    container.start();
  }
}

/** How many arguments, the folder, the arguments: each ends with a NUL. null: not all of it has arrived. */
function readQuestion(text: string): { readonly args: readonly string[]; readonly cwd: string } | null {
  const [count, cwd, ...args] = text.split('\0').slice(0, -1);
  return cwd === undefined || args.length < Number(count) ? null : { cwd, args };
}

const one = (words: readonly string[]): string => {
  if (words.length !== 1 || words[0] === undefined || words[0].startsWith('-'))
    throw new DockerError(`unknown arguments: ${words.join(' ')}`);
  return words[0];
};

/** @returns the answer when the words are exactly the expected ones: the sandbox guesses nothing */
function only(words: readonly string[], expected: readonly string[], answer: string): string {
  if (words.join('\0') !== expected.join('\0')) throw new DockerError(`unknown arguments: ${words.join(' ')}`);
  return answer;
}

function wanted(services: readonly Rendered[], name: string): Rendered {
  const service = services.find(candidate => candidate.name === name);
  if (service === undefined) throw new DockerError(`no such service: ${name}`);
  return service;
}

const imageId = (image: string): string => `sha256:${createHash('sha256').update(image).digest('hex')}`;

const data = (container: Container) => ({
  Id: container.id,
  Image: container.imageId,
  RestartCount: container.restarts,
  Config: { Image: container.service.image, Labels: container.service.labels },
  State: {
    Status: container.status,
    Running: container.status === 'running',
    Pid: container.pid,
    ExitCode: container.exitCode,
    StartedAt: container.startedAt,
    ...(container.health === 'none' ? {} : { Health: { Status: container.health } }),
  },
  Mounts: container.service.mounts.map(({ source, target, readOnly }) => ({
    Type: 'bind',
    Source: source,
    Destination: target,
    RW: !readOnly,
  })),
});

function formatted(format: string, container: Container): string {
  const { State, Config, Mounts } = data(container);
  switch (format) {
    case '{{.State.Running}}':
      return String(State.Running);
    case '{{index .Config.Labels "starrocks-ha.digest"}}':
      return Config.Labels['starrocks-ha.digest'] ?? '';
    case '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}} {{.State.Error}}':
      return `${State.Status} ${State.ExitCode} false ${container.restarts} `;
    case '{{.Id}} {{index .Config.Labels "starrocks-ha.digest"}}':
      return `${container.id} ${Config.Labels['starrocks-ha.digest'] ?? '<no value>'}`;
    case '{{range .Mounts}}{{.Destination}} {{.Source}}{{"\\n"}}{{end}}':
      return Mounts.map(mount => `${mount.Destination} ${mount.Source}\n`).join('');
    default:
      throw new DockerError(`template parsing error: the sandbox does not know ${format}`);
  }
}
