import { codes } from './code.ts';
import type { Diagnostic } from './diagnostic.ts';

/** Diagnostics as workflow commands, which a run shows as annotations at the lines of the file. */
export function renderAsAnnotations(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(annotation).join('');
}

function annotation({ code, severity, file, line, column, endLine, endColumn, message, hint }: Diagnostic): string {
  const properties = Object.entries({ file, line, endLine, col: column, endColumn, title: `${codes[code]} (${code})` });
  const written = properties.map(([name, value]) => `${name}=${escapeProperty(String(value))}`).join(',');
  return `::${severity} ${written}::${escapeData(`${message} ${hint}`)}\n`;
}

// The runner's own rules: without them a value could end the command and begin another.
const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
