import { describe, expect, it } from 'vitest';
import { readApproval } from '../../../.github/actions/deploy/src/engine/read-approval.ts';
import { approvalOf } from '../../../.github/actions/deploy/src/plan/approval.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { cluster, emptyWorld, everything } from '../plan/worlds.ts';

const desired = cluster([{}]);
const approval = approvalOf(desired, makePlan(desired, emptyWorld(desired), everything));
const [step] = approval.steps;

describe('the input approved', () => {
  it('is the output approval of a plan, unchanged', () => {
    expect(readApproval(JSON.stringify(approval))).toEqual(approval);
    expect(approval.steps.length).toBeGreaterThan(1);
  });

  it.each(['', ' ', '\n'])('is none when it is empty: %j', text => {
    expect(readApproval(text)).toBeNull();
  });

  it.each<[string, string]>([
    ['the word that stands for an output that GitHub emptied', 'lost'],
    ['no object', '[]'],
    ['a number', '1'],
    ['cut off', JSON.stringify(approval).slice(0, -1)],
    ['of another format', JSON.stringify({ ...approval, format: 2 })],
    ['without the tree', JSON.stringify({ ...approval, tree: undefined })],
    ['without steps', JSON.stringify({ ...approval, steps: undefined })],
    ['with a step that names no action', JSON.stringify({ ...approval, steps: [{ ...step, action: undefined }] })],
    ['with a step that hides its outage', JSON.stringify({ ...approval, steps: [{ ...step, outage: undefined }] })],
  ])('is never taken for none, nor for everything: %s', (_what, text) => {
    expect(() => readApproval(text)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ code: 'E_APPROVAL' }) }),
    );
  });
});
