import { afterAll, beforeAll } from 'vitest';
import { quote } from '../../.github/actions/deploy/src/transport/quote.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { type DockerMachine, dockerContract } from './docker-contract.ts';

describeInLab('the real docker', () => {
  let lab: Lab;
  let machine: DockerMachine;

  beforeAll(async () => {
    lab = await startLab({ hosts: 1, docker: true });
    await importStarRocks(lab, '3.3.18');
    const [host] = lab.hosts;
    if (host === undefined) throw new Error('no host');
    const folder = '/srv/contract';
    await host.run(`mkdir -p ${folder}`);
    machine = {
      docker: (...args) => host.run(['docker', ...args].map(quote).join(' ')),
      write: async (path, text) => {
        await host.run(`printf %s ${quote(text)} > ${folder}/${path}`);
      },
      folder,
      address: host.address,
      image: 'starrocks/fe-ubuntu:3.3.18',
    };
  });

  afterAll(() => lab?.stop());

  dockerContract(() => machine);
});
