import type { Review } from '../../../.github/actions/deploy/src/review/review.ts';

/** Texts that would act on whoever shows them, if they were let. */
export const hostileTexts: readonly string[] = [
  'a | b\n| forged | row |',
  '```\n# heading\n```',
  '</details><script>alert(1)</script>',
  '<!-- starrocks-ha:plan analytics -->',
  '--> open',
  '@everyone and @acme/owners',
  '[click](https://evil.example) ![x](https://evil.example/x.png)',
  'https://evil.example www.evil.example #1 GH-1',
  '"]:::fresh\n  click h0 "https://evil.example"',
  '%%{init: {"securityLevel": "loose"}}%% end subgraph',
  '::error file=cluster.yaml,line=1::forged%0A',
  'x ##[stop-commands]t',
  '##[add-mask]a',
  'refs/heads/$(id)`id`;${{ github.token }}',
  'fix: |\n\n::set-output name=outcome::converged\nSigned-off-by: "x"',
  'dependabot[bot]\u2028<b>admin</b>',
  'row\tcell\rback',
  '${HOME} %s %n {{.}} $$1',
  '\u001b[31mred\u001b[0m\u0007',
  '\u202egnp.exe\u2066',
  'nul\u0000byte',
  '$(touch /tmp/pwned) `id` ; rm -rf /nowhere/at-all && "\'\\',
  "'; DROP TABLE x; -- ",
  '> [!NOTE]\n> all is well',
  '|:---:|\n***bold*** ~~gone~~ __under__',
  'x'.repeat(100_000),
];

/** The review with one text wherever text of others can stand. */
export const hostileReview = (grown: Review, text: string): Review => ({
  ...grown,
  headline: text,
  hosts: grown.hosts.map(host => ({ ...host, address: text, role: text, ports: text, what: [text] })),
  waves: grown.waves.map(wave => ({
    ...wave,
    title: 'restart BEs',
    steps: wave.steps.map(step => ({ ...step, host: text, reason: text })),
    impact: { down: [text], quorum: null, replicas: null, next_failure: text },
  })),
  timeline: grown.timeline.map(bar => ({ ...bar, host: text, service: text })),
  rows: { changes: [{ row: text, before: text, after: text }], unchanged: 1 },
  dangers: [text],
  problems: [{ code: 'E_OUTAGE', host: text, step: text, message: text, hint: text }],
  changes: [{ path: text, hosts: [text], diff: text }],
  digest: text,
});
