import ssh2, { type ParsedKey } from 'ssh2';
import { DeployError } from '../error.ts';

const wrong = (message: string, hint: string): DeployError => new DeployError({ code: 'E_KEY_FORMAT', message, hint });

const ADVICE =
  'Paste the whole file, from -----BEGIN to -----END, for example with `gh secret set SSH_PRIVATE_KEY < FILE`.';

interface Opened {
  readonly given: string;
  readonly passphrase: string | null;
  readonly key: ParsedKey;
}

let last: Opened | null = null;

/**
 * The private key: what pasting does to a secret is mended, what cannot be used is explained.
 * @throws DeployError E_KEY_FORMAT, never with a part of the key
 */
export function readPrivateKey(given: string, passphrase: string | null): ParsedKey {
  // Opening a key with a passphrase takes ssh2 a good part of a second: once a run, not once a machine.
  if (last?.given !== given || last.passphrase !== passphrase)
    last = { given, passphrase, key: open(given, passphrase) };
  return last.key;
}

function open(given: string, passphrase: string | null): ParsedKey {
  const text = unpasted(given);
  if (text === '')
    throw wrong('The SSH key is empty.', 'Is the secret set, and does this job name the environment that has it?');
  if (/^(ssh-|ecdsa-)/.test(text) || text.includes('BEGIN PUBLIC KEY') || text.includes('BEGIN SSH2 PUBLIC KEY')) {
    throw wrong('The SSH key is a public key.', `Give the private one, the file without .pub. ${ADVICE}`);
  }
  if (text.includes('BEGIN PRIVATE KEY') || text.includes('BEGIN ENCRYPTED PRIVATE KEY')) {
    throw wrong(
      'The SSH key is in PKCS#8 format.',
      'Convert a copy to OpenSSH format: `ssh-keygen -p -N "" -f COPY`, and give that.',
    );
  }
  if (text.includes('PuTTY-User-Key-File')) {
    throw wrong('The SSH key is in PuTTY format.', 'Convert it: `puttygen KEY.ppk -O private-openssh -o KEY`.');
  }
  if (!text.includes('-----BEGIN')) throw wrong('The SSH key is no private key: it has no BEGIN line.', ADVICE);
  if (!text.includes('-----END')) throw wrong('The SSH key is cut off: it has no END line.', ADVICE);
  const key = ssh2.utils.parseKey(text, passphrase ?? undefined);
  if (!(key instanceof Error) && key.isPrivateKey()) return key;
  const why = key instanceof Error ? key.message : '';
  if (/no passphrase given/i.test(why)) {
    throw wrong(
      'The SSH key is protected by a passphrase, and none was given.',
      'Give the input ssh-passphrase (in a terminal SSH_PASSPHRASE), or a key without one.',
    );
  }
  if (/bad passphrase|integrity check|bad decrypt/i.test(why))
    throw wrong('The passphrase of the SSH key is wrong.', 'Correct ssh-passphrase.');
  throw wrong(
    'The SSH key cannot be read: it is damaged, or of a kind that is not supported.',
    `Use an Ed25519 or RSA key in OpenSSH format. ${ADVICE}`,
  );
}

const ON_ONE_LINE = /^(-----BEGIN [A-Z ]+-----)([\sA-Za-z0-9+/=]+)(-----END [A-Z ]+-----)$/;

/** Mends carriage returns, `\n` written out, indentation, base64 around the file, blanks for newlines, and a missing last newline. */
function unpasted(given: string): string {
  let text = given.replaceAll('\r\n', '\n').replaceAll('\r', '\n').trim();
  if (text === '') return '';
  if (!text.includes('\n') && text.includes('\\n')) text = text.replaceAll('\\n', '\n');
  if (!text.includes('-----BEGIN') && /^[A-Za-z0-9+/=\s]+$/.test(text)) {
    const decoded = Buffer.from(text, 'base64').toString('utf8');
    if (decoded.includes('-----BEGIN')) text = decoded.replaceAll('\r\n', '\n').trim();
  }
  if (!text.includes('\n')) {
    text = text.replace(ON_ONE_LINE, (_, begin, body: string, end) =>
      [begin, ...body.trim().split(/\s+/), end].join('\n'),
    );
  }
  return `${text
    .split('\n')
    .map(line => line.trim())
    .join('\n')}\n`;
}
