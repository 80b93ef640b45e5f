import { type Document, isAlias, isMap, isScalar, isSeq, type ParsedNode, parseAllDocuments, type YAMLMap } from 'yaml';
import type { Finding } from '../diagnostics/finding.ts';
import { excessiveDepth } from './depth.ts';
import type { Entry, Node } from './node.ts';
import * as refusal from './refusal.ts';
import type { Span } from './span.ts';

// An alias counts as what it unfolds to: enough for 10,000 hosts that share their longest form, far from the billions
// that a few nested anchors make.
const mostNodes = 1_000_000;

/** The errors that follow from one missing bracket help nobody. */
const mostErrors = 20;

/**
 * Parses cluster.yaml: one YAML 1.2 document, unique keys, no tags, aliases within reason.
 * @param text decoded, without byte order mark
 * @returns the root, or null together with the findings that say why there is none
 */
export function parse(text: string): { root: Node | null; findings: Finding[] } {
  const depth = excessiveDepth(text);
  if (depth.length > 0) return { root: null, findings: depth };
  // Duplicates are found below, with both places; the library's own search is quadratic in the keys of a mapping.
  const stream = parseAllDocuments(text, { version: '1.2', strict: true, uniqueKeys: false, prettyErrors: false });
  const [document, second] = Array.isArray(stream) ? stream : [];
  const findings = document === undefined ? [] : errorsOf(document, text);
  if (second !== undefined) findings.push(refusal.secondDocument(second.range[0]));
  if (findings.length > 0) return { root: null, findings };
  if (document === undefined || isEmpty(document)) return { root: null, findings: [refusal.emptyFile] };
  const conversion = new Conversion();
  const root = conversion.node(document.contents, { start: 0, end: 0 });
  return { root: conversion.findings.length > 0 ? null : root, findings: conversion.findings };
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents } = document;
  return contents === null || (isScalar(contents) && contents.value === null);
}

function errorsOf(document: Document.Parsed, text: string): Finding[] {
  const head = text.slice(0, document.contents?.range[0] ?? text.length);
  const percent = head.search(/^%/m);
  if (percent >= 0) return [refusal.directive(percent)];
  const errors = [...document.errors, ...document.warnings].slice(0, mostErrors);
  return errors.map(error => refusal.syntaxError(error, text));
}

/** yaml's nodes → ours, refusing what YAML allows and cluster.yaml does not. */
class Conversion {
  readonly findings: Finding[] = [];
  private readonly anchors = new Map<string, { node: Node; size: number }>();
  private nodes = 0;

  /** @param owner where to point when the value is not written at all */
  node(source: ParsedNode | null, owner: Span): Node {
    if (source === null) return { kind: 'scalar', at: owner, value: null, source: '' };
    const at = spanOf(source, owner);
    if (isAlias(source)) return this.alias(source.source, at);
    const before = this.nodes;
    this.nodes += 1;
    if (source.tag !== undefined) this.findings.push(refusal.tag(source.tag, at));
    const node = this.content(source, at);
    if (source.anchor !== undefined) this.anchors.set(source.anchor, { node, size: this.nodes - before });
    return node;
  }

  private content(source: ParsedNode, at: Span): Node {
    if (isMap<ParsedNode, ParsedNode | null>(source)) return { kind: 'map', at, entries: this.entries(source) };
    if (isSeq<ParsedNode>(source)) return { kind: 'list', at, items: source.items.map(item => this.node(item, at)) };
    if (!isScalar(source)) return { kind: 'scalar', at, value: null, source: '' };
    return { kind: 'scalar', at, value: scalarValue(source.value), source: source.source ?? '' };
  }

  private entries(map: YAMLMap<ParsedNode, ParsedNode | null>): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const pair of map.items) {
      const key = spanOf(pair.key, { start: 0, end: 0 });
      const name = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof name !== 'string') {
        this.findings.push(refusal.keyNotText(key));
        continue;
      }
      const first = entries.get(name);
      const value = this.node(pair.value, key);
      if (first === undefined) entries.set(name, { key, value });
      else this.findings.push(refusal.duplicateKey(name, first.key, key));
    }
    return entries;
  }

  private alias(name: string, at: Span): Node {
    const anchor = this.anchors.get(name);
    // An anchor is known only once its value is complete, so a value that contains itself ends here too.
    if (anchor === undefined) this.findings.push(refusal.unknownAlias(name, at));
    this.nodes += anchor?.size ?? 1;
    if (anchor !== undefined && this.nodes <= mostNodes) return anchor.node;
    if (anchor !== undefined && this.findings.length === 0) this.findings.push(refusal.aliasBomb(at));
    return { kind: 'scalar', at, value: null, source: '' };
  }
}

function spanOf(source: ParsedNode, owner: Span): Span {
  const [start, end] = source.range;
  return end > start ? { start, end } : owner;
}

function scalarValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return typeof value === 'bigint' ? Number(value) : null;
}
