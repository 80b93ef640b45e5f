import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { Sandbox } from '../sandbox/sandbox.ts';
import { type DockerMachine, dockerContract } from './docker-contract.ts';

describe("the sandbox's docker", () => {
  let sandbox: Sandbox;
  let machine: DockerMachine;

  beforeAll(async () => {
    sandbox = await Sandbox.start({ hosts: 1, first: 191 });
    const [host] = sandbox.hosts;
    if (host === undefined) throw new Error('no host');
    const folder = join(host.folder, 'contract');
    mkdirSync(folder);
    machine = {
      docker: (...args) => host.engine.docker(args, folder),
      write: async (path, text) => writeFileSync(join(folder, path), text),
      folder,
      address: host.address,
      image: 'starrocks/fe-ubuntu:3.3.18',
    };
    await machine.docker('pull', '--quiet', machine.image);
  });

  afterAll(() => sandbox?.stop());

  dockerContract(() => machine);
});
