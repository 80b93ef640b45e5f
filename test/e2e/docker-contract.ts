import { beforeAll, expect, it } from 'vitest';

/** A machine with a Docker, whichever it is. */
export interface DockerMachine {
  docker(...args: string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  write(path: string, text: string): Promise<void>;
  /** An empty folder there. */
  readonly folder: string;
  readonly address: string;
  /** An image that it has. */
  readonly image: string;
}

const compose = (more = ''): string => `services:
  starrocks-fe:
    image: \${FE_IMAGE}
    container_name: starrocks-fe
    network_mode: host
    command: ["bash", "-c", "echo started; exec sleep 600"]
    restart: unless-stopped
    stop_grace_period: 1s
    labels: { starrocks-ha.cluster: contract, starrocks-ha.digest: "\${FE_DIGEST}" }
    volumes: ["./data:/opt/starrocks/fe/meta", "./conf:/opt/starrocks/run/conf/fe"]
${more}`;

/**
 * What the product counts on in `docker` and `docker compose`: the same cases run against the sandbox's and the real one,
 * so that what the sandbox proves is true of machines.
 */
export function dockerContract(machine: () => DockerMachine): void {
  const up = () =>
    machine().docker(
      'compose',
      '--project-directory',
      machine().folder,
      'up',
      '-d',
      '--no-deps',
      '--pull',
      'never',
      'starrocks-fe',
    );
  const inspect = async (format: string) =>
    (await machine().docker('inspect', '--format', format, 'starrocks-fe')).stdout.trim();
  const id = async (): Promise<string> => JSON.parse((await machine().docker('inspect', 'starrocks-fe')).stdout)[0].Id;
  const env = (digest: string) =>
    machine().write('.env', `FE_IMAGE=${machine().image}\nFE_DIGEST=${digest}\nCOMPOSE_PROJECT_NAME=contract\n`);

  beforeAll(async () => {
    await machine().write('docker-compose.yml', compose());
    await env('one');
  });

  it('says which versions of engine and Compose there are', async () => {
    expect((await machine().docker('version', '--format', '{{.Server.Version}}')).stdout).toMatch(/^\d+\.\d+/);
    expect((await machine().docker('version')).code).toBe(0);
    expect((await machine().docker('compose', 'version', '--short')).stdout).toMatch(/^v?2\.\d+/);
  });

  it('fails for a container and an image that are not there', async () => {
    expect((await machine().docker('inspect', '--format', '{{.State.Running}}', 'starrocks-fe')).code).toBe(1);
    expect((await machine().docker('image', 'inspect', '--format', '{{.Id}}', 'no/such:1.0.0')).code).toBe(1);
  });

  it('accepts the file and refuses one with a key that nobody knows', async () => {
    const check = () => machine().docker('compose', '--project-directory', machine().folder, 'config', '-q');
    expect((await check()).code).toBe(0);
    await machine().write('docker-compose.yml', compose('    netwrk_mode: host\n'));
    const refused = await check();
    expect([refused.code, refused.stderr]).toEqual([15, expect.stringContaining('netwrk_mode')]);
    await machine().write('docker-compose.yml', compose());
  });

  it('starts a service with its labels and mounts, and makes the folders that are missing', async () => {
    const started = await up();
    expect(started.code, started.stderr).toBe(0);
    expect(await inspect('{{.State.Running}}')).toBe('true');
    expect(await inspect('{{index .Config.Labels "starrocks-ha.digest"}}')).toBe('one');
    expect(await inspect('{{.Id}} {{index .Config.Labels "starrocks-ha.digest"}}')).toBe(`${await id()} one`);
    const state = '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}} {{.State.Error}}';
    const probed = await machine().docker('inspect', '--type', 'container', '--format', state, 'starrocks-fe');
    expect(probed.stdout.trimEnd()).toBe('running 0 false 0');
    const mounts = (await inspect('{{range .Mounts}}{{.Destination}} {{.Source}}{{"\\n"}}{{end}}'))
      .split('\n')
      .filter(line => line !== '')
      .sort();
    expect(mounts).toEqual([
      `/opt/starrocks/fe/meta ${machine().folder}/data`,
      `/opt/starrocks/run/conf/fe ${machine().folder}/conf`,
    ]);
  });

  it('lists it with its label, and shows its log', async () => {
    const { stdout } = await machine().docker('ps', '-a', '--no-trunc', '--format', '{{json .}}');
    const listed = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .find(one => one.Names === 'starrocks-fe');
    expect(listed.ID).toBe(await id());
    expect(listed.Labels.split(',')).toContain('starrocks-ha.cluster=contract');
    await expect
      .poll(async () => (await machine().docker('logs', '--tail', '5', 'starrocks-fe')).stdout)
      .toContain('started');
  });

  it('leaves it alone when nothing changed', async () => {
    const before = [await id(), await inspect('{{.State.Running}}')];
    expect((await up()).code).toBe(0);
    expect([await id(), await inspect('{{.State.Running}}')]).toEqual(before);
  });

  it('makes it anew when its definition changed', async () => {
    const before = await id();
    await env('two');
    expect((await up()).code).toBe(0);
    expect(await id()).not.toBe(before);
    expect(await inspect('{{index .Config.Labels "starrocks-ha.digest"}}')).toBe('two');
  });

  it('keeps a stopped service stopped, and starts the same one again', async () => {
    const before = await id();
    expect((await machine().docker('stop', 'starrocks-fe')).code).toBe(0);
    expect(await inspect('{{.State.Running}}')).toBe('false');
    expect((await up()).code).toBe(0);
    expect([await id(), await inspect('{{.State.Running}}')]).toEqual([before, 'true']);
  });

  it('refuses an image that is not there, and leaves the running service', async () => {
    const before = await id();
    await machine().write(
      '.env',
      'FE_IMAGE=starrocks/fe-ubuntu:9.9.9\nFE_DIGEST=three\nCOMPOSE_PROJECT_NAME=contract\n',
    );
    expect((await up()).code).not.toBe(0);
    expect([await id(), await inspect('{{.State.Running}}')]).toEqual([before, 'true']);
  });

  it('restarts a container as it is', async () => {
    const data = async () => JSON.parse((await machine().docker('inspect', 'starrocks-fe')).stdout)[0];
    const before = await data();
    expect((await machine().docker('restart', 'starrocks-fe')).code).toBe(0);
    const after = await data();
    expect([after.Id, after.State.Running]).toEqual([before.Id, true]);
    expect(after.State.StartedAt).not.toBe(before.State.StartedAt);
  });

  it('removes a stopped container only, and leaves its folders', async () => {
    expect((await machine().docker('rm', 'starrocks-fe')).code).toBe(1);
    await machine().docker('stop', 'starrocks-fe');
    expect((await machine().docker('rm', 'starrocks-fe')).code).toBe(0);
    expect((await machine().docker('inspect', '--format', '{{.State.Running}}', 'starrocks-fe')).code).toBe(1);
  });
}
