import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterJson, CompiledHost } from '../../compiler/contract/cluster-json.ts';
import type { Sandbox, SandboxHost } from '../sandbox/sandbox.ts';
import { ask, type Row } from './ask.ts';

/** What lies between a sandbox and what is declared, by its own SQL, containers and files; [] when nothing does. */
export async function differences(sandbox: Sandbox, declared: ClusterJson): Promise<string[]> {
  const machines = sandbox.hosts.flatMap(host => onMachine(host, declared));
  const asked = declared.hosts.filter(host => host.fe !== null);
  const told = await Promise.all(asked.map(({ address }) => byTheFe(address, declared)));
  return [...machines, ...told.flat()];
}

function onMachine(host: SandboxHost, declared: ClusterJson): string[] {
  const wanted = declared.hosts.find(one => one.address === host.address);
  const services = [wanted?.fe, ...(wanted?.be ?? [])].flatMap(one => one ?? []);
  const there = host.engine.containers;
  const strange = there.filter(one => !services.some(({ name }) => name === one.service.name));
  const notes = join(host.deployDir, 'state/fe/switches');
  return [
    ...strange.map(one => `${host.address} still has the container ${one.service.name}`),
    ...services.flatMap(({ name, digest, image }) => {
      const container = there.find(one => one.service.name === name);
      if (container === undefined) return [`${host.address} lacks the container ${name}`];
      const label = container.service.labels['starrocks-ha.digest'];
      return [
        ...(container.status === 'running' ? [] : [`${name} on ${host.address} is ${container.status}`]),
        ...(label === digest ? [] : [`${name} on ${host.address} has another digest`]),
        ...(container.service.image === image ? [] : [`${name} on ${host.address} runs ${container.service.image}`]),
      ];
    }),
    ...(wanted === undefined ? [] : wrongFiles(host, wanted)),
    ...(existsSync(notes) ? [`${host.address} still holds the former balance switches`] : []),
  ];
}

function wrongFiles(host: SandboxHost, wanted: CompiledHost): string[] {
  return wanted.files.flatMap(({ path, sha256 }) => {
    const file = join(host.deployDir, path);
    if (!existsSync(file)) return [`${host.address} lacks ${path}`];
    const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
    return sum === sha256 ? [] : [`${path} on ${host.address} is another one`];
  });
}

const SWITCHES: Readonly<Record<string, string>> = {
  tablet_sched_max_scheduling_tablets: '10000',
  tablet_sched_max_balancing_tablets: '500',
  tablet_sched_disable_balance: 'false',
  tablet_sched_disable_colocate_balance: 'false',
};

/** Every FE is asked: one that is behind, or alone, would say something else than the others. */
async function byTheFe(address: string, declared: ClusterJson): Promise<string[]> {
  const frontends = await ask(address, 'SHOW FRONTENDS');
  const backends = await ask(address, 'SHOW BACKENDS');
  const config = await ask(address, "ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched%'");
  if (frontends === null || backends === null || config === null) return [`the FE on ${address} does not answer`];
  const wrong = [
    ...compared(wantedFrontends(declared), frontends.map(frontend)),
    ...compared(wantedBackends(declared), backends.map(backend)),
    ...config.flatMap(row => {
      const [key = '', value = ''] = [row['Key'], row['Value']];
      const usual = SWITCHES[key];
      return usual === undefined || usual === value ? [] : [`${key} is ${value} instead of ${usual}`];
    }),
  ];
  return wrong.map(what => `by the FE on ${address}: ${what}`);
}

function compared(wanted: readonly string[], told: readonly string[]): string[] {
  return [
    ...wanted.filter(one => !told.includes(one)).map(one => `no ${one}`),
    ...told.filter(one => !wanted.includes(one)).map(one => `a ${one}`),
  ];
}

const wantedFrontends = ({ hosts, version }: ClusterJson): string[] =>
  hosts.flatMap(({ address, fe }) => (fe === null ? [] : [`${fe.role} ${address} alive joined ${version}`]));

const frontend = (row: Row): string => {
  const role = row['Role'] === 'OBSERVER' ? 'observer' : 'follower';
  const alive = row['Alive'] === 'true' ? 'alive' : 'dead';
  const joined = row['Join'] === 'true' ? 'joined' : 'apart';
  return `${role} ${row['IP']} ${alive} ${joined} ${row['Version']?.split('-')[0]}`;
};

const wantedBackends = ({ hosts, version }: ClusterJson): string[] =>
  hosts.flatMap(({ address, be, location }) =>
    be.map(one => `BE ${address}:${one.ports.heartbeat_service_port} alive ${version} ${location ?? ''}`.trimEnd()),
  );

const backend = (row: Row): string => {
  const alive = row['Alive'] === 'true' ? 'alive' : 'dead';
  const leaves = row['SystemDecommissioned'] === 'true' ? ' leaving' : '';
  const [version] = (row['Version'] ?? '').split('-');
  return `BE ${row['IP']}:${row['HeartbeatPort']} ${alive}${leaves} ${version} ${row['Location'] ?? ''}`.trimEnd();
};
