import type { Problem } from '../error.ts';
import type { Approval, ApprovedStep } from '../plan/approval.ts';
import { stepTitle } from '../plan/step.ts';

/** A deploy may do any part of what was approved; this is what it found beyond that. */
export const notApproved = (more: readonly ApprovedStep[], approved: Approval): Problem => ({
  code: 'E_NOT_APPROVED',
  host: null,
  step: 'plan',
  message: `More has become necessary than was approved: ${more.map(text).join(', ')}.`,
  hint: 'Run the workflow again: it shows the new plan, and asks again.',
  detail: [
    ...approved.steps.map(step => `approved: ${text(step)}`),
    ...more.map(step => `not approved: ${text(step)}`),
  ],
});

const text = (step: ApprovedStep): string =>
  step.outage === null ? stepTitle(step) : `${stepTitle(step)} with an outage of ${step.outage}`;
