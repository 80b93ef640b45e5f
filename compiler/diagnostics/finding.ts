import type { Span } from '../source/span.ts';
import type { Code } from './code.ts';
import type { Diagnostic, Severity } from './diagnostic.ts';
import { visible } from './visible.ts';

/** A diagnostic before its offsets have become lines and columns. */
export interface Finding {
  readonly code: Code;
  readonly at: Span;
  readonly message: string;
  readonly hint: string;
  readonly related?: readonly { readonly at: Span; readonly message: string }[];
}

const severities: Readonly<Record<string, Severity>> = { E: 'error', W: 'warning', N: 'notice' };

export const severityOf = (code: Code): Severity => severities[code.charAt(0)] ?? 'error';

/**
 * Gives every finding its place in the file, in the order of the file.
 * @param text the text that the findings' offsets point into
 */
export function placeFindings(findings: readonly Finding[], file: string, text: string): Diagnostic[] {
  const starts = lineStarts(text);
  const place = (offset: number) => placeOf(starts, offset);
  return findings
    .map((finding): Diagnostic => {
      const start = place(finding.at.start);
      const endOfLine = (starts[start.line] ?? text.length + 1) - 1;
      // A mapping of many lines is underlined in its first.
      const end = place(Math.max(Math.min(finding.at.end, endOfLine), finding.at.start));
      const diagnostic = {
        code: finding.code,
        severity: severityOf(finding.code),
        file,
        ...start,
        endLine: end.line,
        endColumn: end.column,
        message: sentence(finding.message),
        hint: sentence(finding.hint),
      };
      if (finding.related === undefined) return diagnostic;
      return { ...diagnostic, related: finding.related.map(({ at, message }) => ({ ...place(at.start), message })) };
    })
    .sort(byPlace);
}

/** Values of the file stand in sentences: without control characters, and not a megabyte of them. */
const sentence = (text: string): string => visible(text.length > 500 ? `${text.slice(0, 499)}…` : text);

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function placeOf(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}
