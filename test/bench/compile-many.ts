import { compile } from '../../compiler/compile.ts';
import { median, seconds, shown } from './median.ts';

/** A file of plain addresses, three of which carry FEs. */
export function manyHosts(count: number): string {
  const address = (index: number) =>
    `10.${Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`;
  const entries = Array.from({ length: count }, (_, index) =>
    index < 3 ? `  - { address: ${address(index)}, fe: follower }` : `  - ${address(index)}`,
  );
  return `cluster: big
starrocks: { version: 3.3.18 }
master_host: ${address(0)}
defaults: { fe: none }
hosts:
${entries.join('\n')}
`;
}

/** Compiling 1,000 hosts, and 10,000: the ratio is 10 when it is linear. */
export async function compileMany(): Promise<string[]> {
  const took = async (count: number) => {
    const text = manyHosts(count);
    return seconds(5, () => {
      const { files } = compile({ file: 'cluster.yaml', text, previous: null });
      if (files === null) throw new Error('the sample does not compile');
    });
  };
  const small = await took(1000);
  const large = await took(10_000);
  return [
    `1,000 hosts: ${shown(small)}`,
    `10,000 hosts: ${shown(large)}, ${(median(large) / median(small)).toFixed(1)} times as long`,
    `memory at its height: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
  ];
}
