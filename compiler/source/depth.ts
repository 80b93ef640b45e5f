import { CST, Lexer } from 'yaml';
import type { Finding } from '../diagnostics/finding.ts';

const deepest = 32;
const widestIndent = 128;

/** The lexer's own markers, which are no characters of the file. */
const markers: readonly string[] = [CST.BOM, CST.DOCUMENT, CST.FLOW_END, CST.SCALAR];

/**
 * Refuses nesting that no cluster.yaml needs, before the parser recurses into it: a file of a million brackets must be
 * a message, not an exhausted stack.
 */
export function excessiveDepth(text: string): Finding[] {
  let offset = 0;
  let lineStart = true;
  let flow = 0;
  let block = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow = Math.max(flow - 1, 0);
    else if (token === '-' || token === '?') block += 1;
    const indent = lineStart && /^ +$/.test(token) ? token.length : 0;
    if (flow + block > deepest || indent > widestIndent) return [tooDeep(offset)];
    lineStart = token === '\n' || token === '\r\n';
    if (lineStart) block = 0;
    if (!markers.includes(token)) offset += token.length;
  }
  return [];
}

function tooDeep(offset: number): Finding {
  return {
    code: 'E_YAML_DEPTH',
    at: { start: offset, end: offset + 1 },
    message: 'The file nests deeper here than any cluster.yaml does.',
    hint: 'The deepest legal value is a folder of a BE instance of a host: see whether a bracket or a quote is missing.',
  };
}
