import { readdirSync, readFileSync } from 'node:fs';
import { validate } from '@actions/languageservice';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { describe, expect, it } from 'vitest';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { parse } from 'yaml';

const folder = '.github/workflows';

/** Inputs of other people's actions, as the pinned versions have them: nothing is fetched. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  'actions/checkout': ['ref', 'fetch-depth', 'persist-credentials'],
  'actions/upload-artifact': ['name', 'path'],
  'actions/setup-node': ['node-version'],
};

const actionsMetadataProvider = {
  fetchActionMetadata: async ({ owner, name, path }: { owner: string; name: string; path?: string }) => {
    const inputs = INPUTS[`${owner}/${name}${path === undefined ? '' : `/${path}`}`];
    if (inputs === undefined) return undefined;
    return {
      name,
      description: name,
      inputs: Object.fromEntries(inputs.map(input => [input, { description: input }])),
    };
  },
};

async function findings(file: string, text: string): Promise<string[]> {
  const document = TextDocument.create(`file:///${file}`, 'yaml', 1, text);
  const all = await validate(document, { actionsMetadataProvider });
  return all.map(({ range, message }) => `${file}:${range.start.line + 1}: ${message}`);
}

describe("GitHub's own parser", () => {
  it.each(readdirSync(folder))('takes %s without a word', async name => {
    expect(await findings(`${folder}/${name}`, readFileSync(`${folder}/${name}`, 'utf8'))).toEqual([]);
  });

  it.each(readdirSync(folder))('reads %s to its end', name => {
    const { context, value } = parseWorkflow(
      { name, content: readFileSync(`${folder}/${name}`, 'utf8') },
      new NoOperationTraceWriter(),
    );
    expect(context.errors.getErrors()).toEqual([]);
    expect(value).toBeDefined();
  });

  it('takes the Action', async () => {
    const file = '.github/actions/deploy/action.yml';
    const text = readFileSync(file, 'utf8');
    expect(await findings(file, text)).toEqual([]);
    expect(parse(text).runs).toEqual({ using: 'node24', main: 'dist/index.cjs' });
  });

  it('would not take a wrong key, an unknown job, or an input that does not exist', async () => {
    const deploy = readFileSync(`${folder}/deploy.yml`, 'utf8');
    for (const [from, to] of [
      ['timeout-minutes: 5', 'timeout: 5'],
      ['needs: plan', 'needs: plans'],
      ['fetch-depth: 0', 'fetch-dept: 0'],
    ] as const) {
      expect(await findings('deploy.yml', deploy.replace(from, to)), to).not.toEqual([]);
    }
  });
});
