import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { DeployError } from '../error.ts';
import type { Approval, ApprovedStep } from '../plan/approval.ts';

/**
 * An approval as the output `approval` of a plan: one word. As an input it becomes a variable of the environment, of which
 * Linux takes no more than 128 KiB: as plain JSON, 900 services are more.
 */
export const approvalText = (approval: Approval): string =>
  deflateRawSync(JSON.stringify(approval), { level: 9 }).toString('base64');

/** Against a text that grows without end when it is unpacked. */
const UNPACKED = 64 * 2 ** 20;

/** Reads what `approvalText` wrote; '' is none. @throws DeployError E_APPROVAL */
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
    const packed = Buffer.from(text.trim(), 'base64');
    return JSON.parse(inflateRawSync(packed, { maxOutputLength: UNPACKED }).toString('utf8'));
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
