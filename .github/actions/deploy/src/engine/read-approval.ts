import { DeployError } from '../error.ts';
import type { Approval, ApprovedStep } from '../plan/approval.ts';

/** Reads the output `approval` of a plan; '' is none. @throws DeployError E_APPROVAL */
export function readApproval(text: string): Approval | null {
  if (text.trim() === '') return null;
  const value = parsed(text);
  if (isApproval(value)) return value;
  throw new DeployError({
    code: 'E_APPROVAL',
    message: 'The input approved is not what a plan said.',
    hint: 'Give it the output `approval` of the plan job, as deploy.yml does.',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isApproval = (value: unknown): value is Approval =>
  isRecord(value) &&
  value['format'] === 1 &&
  typeof value['tree'] === 'string' &&
  typeof value['digest'] === 'string' &&
  Array.isArray(value['steps']) &&
  value['steps'].every(isStep);

const isStep = (value: unknown): value is ApprovedStep =>
  isRecord(value) &&
  typeof value['action'] === 'string' &&
  ['host', 'service', 'digest', 'outage'].every(name => value[name] === null || typeof value[name] === 'string');

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
