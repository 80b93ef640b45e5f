import { readCluster } from '../../../../compiler/read.ts';

const head = 'cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 192.168.1.10\n';

/** A file whose host entries begin in line 5, column 5. */
export const withHosts = (...entries: string[]): string =>
  `${head}hosts:\n${entries.map(entry => `  - ${entry}\n`).join('')}`;

/** The plain file of three addresses: seven lines. */
export const three = withHosts('192.168.1.10', '192.168.1.11', '192.168.1.12');

/** The same with one more line, the eighth. */
export const withLine = (line: string): string => `${three}${line}\n`;

/** The same with a fourth machine, a BE only, in line 8. */
export const withHost = (keys: string): string =>
  withHosts('192.168.1.10', '192.168.1.11', '192.168.1.12', `{ address: 192.168.1.13, fe: none, ${keys} }`);

export const withVersion = (version: string): string => three.replace('3.3.18', version);

/** Every diagnostic as `line:column CODE message`, with the hint behind ` | ` and other places behind ` @ `. */
export function diagnose(text: string | Uint8Array, previous?: unknown): string[] {
  return readCluster({ file: 'cluster.yaml', text, previous }).diagnostics.map(
    ({ line, column, code, message, hint, related = [] }) => {
      const places = related.map(place => ` @ ${place.line}:${place.column}`).join('');
      return `${line}:${column} ${code} ${message} | ${hint}${places}`;
    },
  );
}
