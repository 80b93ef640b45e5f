/**
 * In the sandbox every host is a loopback address of its own, and `localhost` means the one that a script belongs to:
 * $HOST_IP, while STARROCKS_LOCALHOST is set (or that address itself, when it is one).
 */
export function resolveLocalhost(host: string): string {
  const mapped = process.env['STARROCKS_LOCALHOST'] ?? '';
  if (host !== 'localhost' || mapped === '') return host === 'localhost' ? '127.0.0.1' : host;
  return /^[\d.]+$/.test(mapped) && mapped.includes('.') ? mapped : (process.env['HOST_IP'] ?? '127.0.0.1');
}
