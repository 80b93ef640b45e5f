const mask = '***';

/**
 * Forms of a secret inside base64 of something longer (`root:secret` of a Basic header): a byte's place in its group of
 * three gives three forms; characters that neighbours take part in are left off.
 */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap(offset => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = Math.floor(((offset + bytes.length) * 8) / 6);
    const inner = text.slice(Math.ceil((offset * 8) / 6), whole);
    // Shorter ones would strike out innocent text.
    return inner.length >= 8 ? [inner, inner.replaceAll('+', '-').replaceAll('/', '_')] : [];
  });
}

function forms(secret: string): string[] {
  const url = encodeURIComponent(secret);
  const base64 = Buffer.from(secret).toString('base64');
  const lines = secret.includes('\n') ? secret.split(/\r?\n/).filter(line => line.length >= 16) : [];
  return [
    secret,
    secret.trim(),
    ...lines,
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
    url,
    url.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()),
    url.replaceAll('%20', '+'),
    base64,
    base64.replace(/=+$/, ''),
    base64.replaceAll('+', '-').replaceAll('/', '_'),
    ...base64Forms(secret),
  ];
}

/** The text with every secret struck out: as it is, escaped in JSON or SQL, URL-encoded, in base64, line by line. */
export function redact(text: string, secrets: readonly string[]): string {
  const all = [...new Set(secrets.flatMap(forms))].filter(form => form !== '');
  if (all.length === 0) return text;
  // Longest first: a short form must not cut a longer one in two and leave its rest standing.
  const pattern = all.sort((a, b) => b.length - a.length).map(form => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return text.replace(new RegExp(pattern.join('|'), 'g'), mask);
}

/** Data with every secret struck out of its strings. Before rendering: a renderer's escapes would hide a secret. */
export function redactData<T>(data: T, secrets: readonly string[]): T;
export function redactData(data: unknown, secrets: readonly string[]): unknown {
  if (typeof data === 'string') return redact(data, secrets);
  if (Array.isArray(data)) return data.map(item => redactData(item, secrets));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, redactData(value, secrets)]));
}
