/** A line of known_hosts: whose key it is, and the key. */
interface Line {
  readonly names: string;
  readonly key: string;
}

/** Comments say nothing to SSH; what else a line is, the deploy itself reads and refuses. */
const linesOf = (text: string): Line[] =>
  text.split(/\r\n|\n|\r/).flatMap(line => {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#') === true) return [];
    const at = words[0]?.startsWith('@') === true ? 2 : 1;
    return [{ names: words.slice(0, at).join(' '), key: words.slice(at, at + 2).join(' ') }];
  });

/**
 * What a change of the file of host keys means, one sentence each: whoever holds a key that is added is taken for that
 * machine.
 * @param fingerprint of a key's base64 text
 */
export function trustChanges(before: string, after: string, fingerprint: (base64: string) => string): string[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  const added = without(now, old);
  const gone = without(old, now);
  const text = ({ names, key }: Line) => {
    const [type = '', base64 = ''] = key.split(' ');
    return `${names} (${type} ${fingerprint(base64)})`;
  };
  return [
    ...(added.length === 0
      ? []
      : [
          `The deploy would trust other host keys: ${added.map(text).join(', ')}. Whoever holds such a key is taken for that machine and is given its commands: compare it with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` there.`,
        ]),
    ...(gone.length === 0 ? [] : [`The deploy would no longer trust the host keys ${gone.map(text).join(', ')}.`]),
  ];
}

const without = (all: readonly Line[], others: readonly Line[]): Line[] =>
  all.filter(one => !others.some(other => other.names === one.names && other.key === one.key));
