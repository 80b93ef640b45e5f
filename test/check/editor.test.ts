import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const settings = JSON.parse(readFileSync('.vscode/settings.json', 'utf8'));
const { recommendations } = JSON.parse(readFileSync('.vscode/extensions.json', 'utf8'));

it('an editor that opens this repository checks and completes cluster.yaml', () => {
  const [[schema, files] = ['', '']] = Object.entries<string>(settings['yaml.schemas']);
  expect(files).toBe('cluster.yaml');
  expect(existsSync(schema)).toBe(true);
  expect([settings['yaml.validate'], settings['yaml.completion']]).toEqual([true, true]);
  expect(recommendations).toContain('redhat.vscode-yaml');
});

it('an editor that opens cluster.yaml alone finds the same schema, whoever made it', () => {
  const [[schema = ''] = []] = Object.entries<string>(settings['yaml.schemas']);
  const head = readFileSync('cluster.yaml', 'utf8').split('\n').slice(0, 2);
  expect(head).toEqual([`# yaml-language-server: $schema=${schema}`, `# $schema: ${schema}`]);
});

it('an editor does not let anybody edit what is generated', () => {
  expect(settings['files.readonlyInclude']).toEqual({ 'generated/**': true });
});
