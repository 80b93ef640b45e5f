import type { RunReport } from './run-report.ts';

/** The whole report as a file for programs. */
export const json = (report: RunReport): string => `${JSON.stringify(report, null, 2)}\n`;
