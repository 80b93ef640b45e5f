import type { Finding } from '../diagnostics/finding.ts';
import { checkAddresses } from './addresses.ts';
import { checkCharacters } from './characters.ts';
import { checkConf } from './conf.ts';
import type { Draft } from './draft.ts';
import { checkFolders } from './folders.ts';
import { checkFollowers } from './followers.ts';
import { checkImages } from './images.ts';
import { checkMasterHost } from './master-host.ts';
import { checkMemory } from './memory.ts';
import { checkPassword } from './password.ts';
import { checkReplication } from './replication.ts';
import { checkServices } from './services.ts';
import { checkSsh } from './ssh.ts';
import { checkVersion } from './version.ts';

const rules: readonly ((draft: Draft) => Finding[])[] = [
  checkAddresses,
  checkMasterHost,
  checkFollowers,
  checkReplication,
  checkVersion,
  checkImages,
  checkPassword,
  checkServices,
  checkMemory,
  checkFolders,
  checkConf,
  checkSsh,
];

/**
 * Everything that the rules and the schema have to say, without saying a thing twice: at one place a rule knows more than
 * the characters of the text, and these more than the schema.
 * @param schemaFindings what the schema found in the same file
 */
export function checkRules(draft: Draft, schemaFindings: readonly Finding[]): Finding[] {
  const byRules = distinct(rules.flatMap(rule => rule(draft)));
  const byCharacters = elsewhere(checkCharacters(draft), byRules);
  const found = [...byRules, ...byCharacters];
  return [...found, ...elsewhere(schemaFindings, found)];
}

/** Findings whose place no error of `known` points to. */
function elsewhere(findings: readonly Finding[], known: readonly Finding[]): Finding[] {
  const places = new Set(known.filter(({ code }) => code.startsWith('E_')).map(placeKey));
  return findings.filter(finding => !places.has(placeKey(finding)));
}

/** What is wrong in `defaults` is wrong on every host: the first says it. */
function distinct(findings: readonly Finding[]): Finding[] {
  const byKey = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.code} ${placeKey(finding)}`;
    if (!byKey.has(key)) byKey.set(key, finding);
  }
  return [...byKey.values()];
}

const placeKey = ({ at }: Finding): string => `${at.start}-${at.end}`;
