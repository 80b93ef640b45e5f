import { expect, it } from 'vitest';
import { Machines } from '../../../.github/actions/deploy/src/engine/machines.ts';
import { counting } from '../../../.github/actions/deploy/src/transport/counters.ts';
import { cluster } from '../plan/worlds.ts';

/** A run that has reached nobody. */
const machines = () =>
  new Machines({
    desired: { cluster: cluster([{}, {}, {}]), files: new Map() },
    provenance: { repository: 'us/here', commit: '', run: '', actor: '' },
    connection: {
      privateKey: '',
      passphrase: null,
      knownHosts: [],
      counters: counting(),
      signal: new AbortController().signal,
    },
    password: null,
    parallelism: 1,
    secrets: [],
  });

it('a statement that no FE can be reached for says which kind of machine is missing', async () => {
  const running = machines().run({ kind: 'sql', statement: { kind: 'createImage' } }, 'more');
  await expect(running).rejects.toMatchObject({
    problem: { code: 'E_NO_FE', message: 'No FE can be reached to run SQL on.', hint: 'Bring an FE up first.' },
  });
});

it('nothing is done to a machine whose lock this run does not hold', async () => {
  const running = machines().run({ kind: 'stop', host: '10.0.0.2', service: 'starrocks-fe', expects: '' }, 'look');
  await expect(running).rejects.toMatchObject({
    problem: { code: 'E_NOT_LOCKED', host: '10.0.0.2', message: 'This run does not hold the lock of 10.0.0.2.' },
  });
});
