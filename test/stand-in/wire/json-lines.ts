import { connect, createServer, type Server, type Socket } from 'node:net';

/** One JSON value per line over TCP: what the stand-ins speak among themselves where StarRocks has Thrift or BDB JE. */
export interface Peer {
  readonly address: string;
  send(message: unknown): void;
  close(): void;
  /** Both are called at most once per peer. */
  onMessage(handle: (message: unknown) => void): void;
  onClose(handle: () => void): void;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Own address: the other side recognises members by it. */
  readonly from: string;
}

function peerOf(socket: Socket): Peer {
  const address = socket.remoteAddress ?? '';
  let buffered = '';
  let handle: ((message: unknown) => void) | undefined;
  socket.setEncoding('utf8');
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    buffered += chunk;
    for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
      const line = buffered.slice(0, end);
      buffered = buffered.slice(end + 1);
      try {
        handle?.(JSON.parse(line));
      } catch {
        socket.destroy();
      }
    }
  });
  return {
    address,
    send: message => void (socket.writable && socket.write(`${JSON.stringify(message)}\n`)),
    close: () => void socket.destroy(),
    onMessage: callback => {
      handle = callback;
    },
    onClose: callback => void socket.once('close', callback),
  };
}

export async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listens on every address; rejects (EADDRINUSE) when one is taken. */
export async function listenJsonLines(
  addresses: readonly string[],
  port: number,
  onPeer: (peer: Peer) => void,
): Promise<void> {
  for (const address of addresses)
    await listen(
      createServer(socket => onPeer(peerOf(socket))),
      port,
      address,
    );
}

/** Rejects with the system's code, or with ETIMEDOUT when nobody answers in `timeoutMs`. */
export function connectJsonLines(target: Target, timeoutMs: number): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port, localAddress: target.from });
    const timer = setTimeout(() => socket.destroy(withCode('ETIMEDOUT')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(peerOf(socket));
    });
  });
}

/** One question, one answer, on a connection of its own. `ECONNRESET`: the other side closed without an answer. */
export async function askJsonLines<Answer>(
  target: Target,
  question: unknown,
  limits: { readonly connectMs: number; readonly answerMs: number },
): Promise<Answer> {
  const peer = await connectJsonLines(target, limits.connectMs);
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(withCode('ESOCKETTIMEDOUT')), limits.answerMs);
      peer.onMessage(message => {
        clearTimeout(timer);
        resolve(message as Answer);
      });
      peer.onClose(() => {
        clearTimeout(timer);
        reject(withCode('ECONNRESET'));
      });
      peer.send(question);
    });
  } finally {
    peer.close();
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
