import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A way to a machine that is not as it should be, on a port of this machine. */
export interface Way {
  readonly port: number;
  close(): Promise<void>;
}

/** Every byte arrives `ms` later, in both directions: the kernel here cannot slow a link by itself. */
export function slowWay(address: string, ms: number): Promise<Way> {
  return listening(socket => {
    const onward = connect({ host: address, port: 22 });
    const end = () => {
      socket.destroy();
      onward.destroy();
    };
    for (const one of [socket, onward]) one.on('error', end).on('close', end);
    socket.pipe(delay(ms)).pipe(onward).pipe(delay(ms)).pipe(socket);
  });
}

/** Takes connections and never says a word, as an SSH server whose machine is out of processes. */
export const silentWay = (): Promise<Way> => listening(socket => void socket.on('error', () => undefined));

/** Delays each chunk by itself: a link's latency, not its throughput. */
function delay(ms: number): Transform {
  return new Transform({
    readableHighWaterMark: 2 ** 20,
    transform(chunk: Buffer, _encoding, done) {
      setTimeout(() => this.push(chunk), ms);
      done();
    },
    flush(done) {
      setTimeout(done, ms);
    },
  });
}

async function listening(serve: (socket: Socket) => void): Promise<Way> {
  const open = new Set<Socket>();
  const server: Server = createServer(socket => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('the way has no port');
  return {
    port: at.port,
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
