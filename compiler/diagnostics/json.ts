import type { Diagnostic } from './diagnostic.ts';

/** Diagnostics for other programs: `{ "diagnostics": [...] }`, closed by a line feed. */
export function renderAsJson(diagnostics: readonly Diagnostic[]): string {
  return `${JSON.stringify({ diagnostics }, null, 2)}\n`;
}
