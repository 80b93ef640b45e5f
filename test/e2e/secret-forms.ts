/** The ways in which a secret may hide in a text: as it is, escaped for JSON, SQL or a shell, in a URL, in base64, in hex. */
export function formsOf(secret: string): string[] {
  const url = encodeURIComponent(secret);
  const hex = Buffer.from(secret).toString('hex');
  return [
    ...new Set([
      secret,
      JSON.stringify(secret).slice(1, -1),
      secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
      secret.replaceAll("'", "''"),
      secret.replaceAll("'", "'\\''"),
      url,
      url.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()),
      url.replaceAll('%20', '+'),
      hex,
      hex.toUpperCase(),
      ...base64Forms(secret),
    ]),
  ];
}

/** A private key: each of its lines, and the whole in base64. */
export const keyForms = (key: string): string[] => [
  ...key.split('\n').filter(line => line.length > 16 && !line.startsWith('-----')),
  ...base64Forms(key).map(form => form.slice(0, 64)),
];

/** Inside of something longer: a byte's place in its group of three gives three forms. */
const base64Forms = (secret: string): string[] =>
  [0, 1, 2].flatMap(offset => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = Math.floor((bytes.length * 8) / 6);
    const inner = bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), whole);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
