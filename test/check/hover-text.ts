import { type Document, isMap, isScalar, parseDocument, type Scalar, visit, type YAMLMap } from 'yaml';
import { editClause, readEdit, type WrittenEdit } from '../../compiler/schema/edit-class.ts';

const OPENING = '\n\nA change later ';

/** What a person wrote of a key: without the sentence that `withHoverText` puts behind it. */
export const writtenDescription = (description: string): string => description.split(OPENING)[0] ?? '';

/**
 * The schema's text with, at the end of each description, what a change of that key does on a cluster that runs: an
 * editor shows the description where the mouse rests. No other byte changes, so that the file keeps its layout.
 */
export function withHoverText(text: string): string {
  const schema = parseDocument(text);
  const described: { readonly at: Scalar; readonly description: string }[] = [];
  visit(schema, {
    Map(_key, node) {
      const found = descriptionOf(node, schema);
      if (found !== null) described.push(found);
    },
  });
  return described.reduceRight((all, { at, description }) => {
    const [start, end] = at.range ?? [0, 0];
    return `${all.slice(0, start)}${JSON.stringify(description)}${all.slice(end)}`;
  }, text);
}

function descriptionOf(node: YAMLMap, schema: Document): { at: Scalar; description: string } | null {
  const edit = node.get('x-edit');
  const at = node.get('description', true);
  if (!isMap(edit) || !isScalar(at)) return null;
  const written: WrittenEdit = edit.toJS(schema);
  return { at, description: `${writtenDescription(String(at.value))}${OPENING}${editClause(readEdit(written))}` };
}
