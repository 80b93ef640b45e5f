import type { AuditRecord, RunReport } from './run-report.ts';

/** A whole report or record as a file for programs. */
export const json = (data: RunReport | AuditRecord): string => `${JSON.stringify(data, null, 2)}\n`;
