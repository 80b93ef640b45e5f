import ssh2 from 'ssh2';
import { pack } from 'tar-stream';
import { $ } from 'zx';
import { readDesired } from '../../.github/actions/deploy/src/engine/desired.ts';
import { Machines } from '../../.github/actions/deploy/src/engine/machines.ts';
import { counting } from '../../.github/actions/deploy/src/transport/counters.ts';
import { parseKnownHosts } from '../../.github/actions/deploy/src/transport/known-hosts.ts';
import { Project } from '../e2e/project.ts';
import { labAvailable } from '../lab/available.ts';
import { type Lab, labClusterYaml, startLab } from '../lab/lab.ts';
import { median, shown } from './median.ts';

const HOSTS = 30;
const ROUNDS = 5;

/**
 * Changed files to 30 machines (SSH servers only): ours (observe, lock, stage, checked by digest, moved into place)
 * against the floor (one bare connection, one exec, one tar on its standard input) and against OpenSSH with tar, the
 * three in turn.
 */
export async function deployFiles(): Promise<string[]> {
  const available = await labAvailable();
  if (!available.ok) return [`not measured: ${available.why}`];
  const lab = await startLab({ hosts: HOSTS, docker: false });
  const project = new Project(lab.privateKey);
  try {
    const times: Record<'ours' | 'floor' | 'openssh', number[]> = { ours: [], floor: [], openssh: [] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      project.compile(
        labClusterYaml(lab, {
          more: { kafka_host: `10.9.9.${round + 1}`, default_replication_num: 3 },
          defaults: { fe: 'none' },
          host: host => (host === lab.hosts[0] ? { fe: 'follower' } : {}),
        }),
      );
      for (const [name, work] of [
        ['ours', ours],
        ['floor', floor],
        ['openssh', openssh],
      ] as const) {
        const start = performance.now();
        await work(lab, project);
        if (round > 0) times[name].push((performance.now() - start) / 1000);
      }
    }
    for (const list of Object.values(times)) list.sort((a, b) => a - b);
    const ratio = (to: 'floor' | 'openssh') => (median(times.ours) / median(times[to])).toFixed(2);
    return [
      `ours: ${shown(times.ours)}`,
      `floor, one connection, exec and tar a machine: ${shown(times.floor)}; ours is ${ratio('floor')} times that`,
      `OpenSSH and tar, a process a machine: ${shown(times.openssh)}; ours is ${ratio('openssh')} times that`,
    ];
  } finally {
    project.remove();
    await lab.stop();
  }
}

async function ours(lab: Lab, project: Project): Promise<void> {
  const desired = await readDesired(project.generated);
  const machines = new Machines({
    desired,
    provenance: { repository: '', commit: '', run: 'bench', actor: 'bench' },
    connection: {
      privateKey: lab.privateKey,
      passphrase: null,
      knownHosts: parseKnownHosts(''),
      counters: counting(),
      signal: new AbortController().signal,
    },
    password: null,
    parallelism: HOSTS,
    secrets: [],
  });
  try {
    await machines.observeMachines();
    await Promise.all(
      desired.cluster.hosts.map(async host => {
        const session = await machines.open(host);
        const { locked } = await session.lock();
        if (!locked) throw new Error(`${host.address} is locked`);
        await session.run({ kind: 'stage', host: host.address, digest: host.digest });
        await session.run({ kind: 'refresh', host: host.address, digest: host.digest });
      }),
    );
  } finally {
    await machines.close();
  }
}

async function archive(project: Project, address: string): Promise<Buffer> {
  const desired = await readDesired(project.generated);
  const tar = pack();
  for (const [name, bytes] of desired.files.get(address) ?? []) tar.entry({ name }, bytes);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function floor(lab: Lab, project: Project): Promise<void> {
  await Promise.all(
    lab.hosts.map(async host => {
      const bytes = await archive(project, host.address);
      const client = new ssh2.Client();
      await new Promise<void>((resolve, reject) => {
        client.once('ready', () =>
          client.exec('mkdir -p /opt/floor && tar -x -C /opt/floor', (error, stream) => {
            if (error !== undefined) return reject(error);
            stream.once('close', () => resolve());
            stream.resume();
            stream.end(bytes);
          }),
        );
        client.once('error', reject);
        client.connect({ host: host.address, username: 'root', privateKey: lab.privateKey, hostVerifier: () => true });
      });
      client.end();
    }),
  );
}

async function openssh(lab: Lab, project: Project): Promise<void> {
  const known = `${project.folder}/bench_known_hosts`;
  await $({ quiet: true })`printf ${lab.knownHosts} > ${known}`;
  const options = ['-i', lab.privateKeyFile, '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes'];
  await Promise.all(
    lab.hosts.map(host => {
      const folder = `${project.generated}/hosts/${host.address}`;
      return $({
        quiet: true,
      })`tar -C ${folder} -c . | ssh ${options} root@${host.address} 'mkdir -p /opt/openssh && tar -x -C /opt/openssh'`;
    }),
  );
}
