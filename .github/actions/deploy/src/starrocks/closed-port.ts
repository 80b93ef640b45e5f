/** Whether a stream could not be had because nothing listens there, and not because the way to the machine failed. */
export function closedPort(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { reason, code } = error as { readonly reason?: unknown; readonly code?: unknown };
  // sshd's reason 2: it tried, and nothing took the connection. 1 is its own refusal to forward.
  return reason === 2 || code === 'ECONNREFUSED' || /connection refused/i.test(String(error));
}
