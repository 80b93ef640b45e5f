import type { ClusterJson } from './contract/cluster-json.ts';
import { readPrevious } from './contract/read-previous.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { emit } from './emit/emit.ts';
import type { EmittedFile } from './emit/host-folder.ts';
import { readCluster } from './read.ts';

export interface Compiled {
  /** Files of generated/ by path, or null when there is an error among the diagnostics. */
  readonly files: ReadonlyMap<string, EmittedFile> | null;
  readonly clusterJson: ClusterJson | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The compiler: text in, files out. No clock, environment, network or randomness; the same bytes on any machine.
 * @param input.file name of the cluster file, for the diagnostics
 * @param input.previous text of the previous cluster.json, or null: a port once assigned stays
 * @param input.previousFile its name, for the diagnostics
 */
export function compile(input: {
  file: string;
  text: string | Uint8Array;
  previous: string | null;
  previousFile?: string;
}): Compiled {
  const previous = readPrevious(input.previous);
  const { cluster, diagnostics } = readCluster({ file: input.file, text: input.text, previous: previous.json });
  if (previous.problem !== null) {
    const broken = brokenPrevious(input.previousFile ?? 'generated/cluster.json', previous.problem);
    return { files: null, clusterJson: null, diagnostics: [broken, ...diagnostics] };
  }
  return cluster === null ? { files: null, clusterJson: null, diagnostics } : { ...emit(cluster), diagnostics };
}

const brokenPrevious = (file: string, { line, message }: { line: number; message: string }): Diagnostic => ({
  code: 'E_PREVIOUS',
  severity: 'error',
  file,
  line,
  column: 1,
  endLine: line,
  endColumn: 2,
  message: `${message} The ports that running BEs have stand in it.`,
  hint: `Take a whole one (\`git checkout HEAD -- ${file}\`), then compile again; where nothing was ever deployed, remove its folder instead.`,
});
