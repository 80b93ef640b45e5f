import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { approvalText, readApproval } from '../../../.github/actions/deploy/src/engine/approval-text.ts';
import { approvalOf } from '../../../.github/actions/deploy/src/plan/approval.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, emptyWorld, everything } from '../plan/worlds.ts';

const desired = cluster([{}]);
const approval = approvalOf(desired, makePlan(desired, emptyWorld(desired), everything));
const [step] = approval.steps;
const packed = (value: unknown): string => deflateRawSync(JSON.stringify(value)).toString('base64');

describe('the input approved', () => {
  it('is the output approval of a plan, unchanged', () => {
    expect(readApproval(approvalText(approval))).toEqual(approval);
    expect(approvalText(approval)).toMatch(/^[A-Za-z0-9+/=]+$/);
    expect(approval.steps.length).toBeGreaterThan(1);
  });

  it.each(['', ' ', '\n'])('is none when it is empty: %j', text => {
    expect(readApproval(text)).toBeNull();
  });

  it.each<[string, string]>([
    ['the word that stands for an output that GitHub emptied', 'lost'],
    ['not packed', JSON.stringify(approval)],
    ['no object', packed([])],
    ['a number', packed(1)],
    ['cut off', approvalText(approval).slice(0, -8)],
    ['of another format', packed({ ...approval, format: 2 })],
    ['without the tree', packed({ ...approval, tree: undefined })],
    ['without steps', packed({ ...approval, steps: undefined })],
    ['with a step that names no action', packed({ ...approval, steps: [{ ...step, action: undefined }] })],
    ['with a step that hides its outage', packed({ ...approval, steps: [{ ...step, outage: undefined }] })],
    ['larger than any', packed({ ...approval, more: 'x'.repeat(65 * 2 ** 20) })],
  ])('is never taken for none, nor for everything: %s', (_what, text) => {
    expect(() => readApproval(text)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ code: 'E_APPROVAL' }) }),
    );
  });

  it('fits into one variable of the environment for 300 machines with three nodes each', () => {
    const large = (): ClusterJson => {
      const sketches = Array.from({ length: 300 }, (_, at) => ({
        be: 2,
        ...(at > 4 ? { fe: 'observer' as const } : {}),
      }));
      const { hosts, ...rest } = cluster(sketches, { allow_outage: true });
      // As the compiler makes them: nothing packs a digest.
      const named = <T extends { readonly digest: string; readonly name: string }>(address: string, one: T): T => ({
        ...one,
        digest: createHash('sha256').update(`${address} ${one.name} ${one.digest}`).digest('hex'),
      });
      return {
        ...rest,
        hosts: hosts.map(host => ({
          ...host,
          fe: host.fe === null ? null : named(host.address, host.fe),
          be: host.be.map(one => named(host.address, one)),
        })),
      };
    };
    const wanted = large();
    const steps = wanted.hosts.flatMap(({ address, fe, be }) =>
      [fe, ...be].flatMap(service => (service === null ? [] : [{ address, service: service.name }])),
    );
    const outage = 'writes to tablets of which another replica is away, until it is back';
    const all = approvalOf(wanted, {
      digest: createHash('sha256').update('plan').digest('hex'),
      waves: [
        {
          steps: steps.map(({ address, service }) => ({
            ...{ action: 'restart' as const, host: address, service, reason: '', operations: [], gates: [], outage },
          })),
        },
      ],
    });
    expect(all.steps.length).toBe(900);
    const text = approvalText(all);
    // One string of the environment, its name and the end included (MAX_ARG_STRLEN).
    const LINUX = 128 * 1024 - 'INPUT_APPROVED='.length - 1;
    expect(JSON.stringify(all).length).toBeGreaterThan(LINUX);
    expect(text.length).toBeLessThan(LINUX / 2);
    expect(readApproval(text)).toEqual(all);
  });
});
