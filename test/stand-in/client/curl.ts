import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { parseArgs } from 'node:util';
import { codeOf } from '../wire/json-lines.ts';
import { resolveLocalhost } from './localhost.ts';

/** curl, as far as scripts and health checks use it: one GET, and curl's exit codes. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  args: process.argv
    .slice(2)
    .flatMap(arg => (/^-[fsSLk]{2,}$/.test(arg) ? [...arg.slice(1)].map(flag => `-${flag}`) : [arg])),
  options: {
    fail: { type: 'boolean', short: 'f' },
    silent: { type: 'boolean', short: 's' },
    'show-error': { type: 'boolean', short: 'S' },
    location: { type: 'boolean', short: 'L' },
    insecure: { type: 'boolean', short: 'k' },
    'max-time': { type: 'string', short: 'm', default: '0' },
    'connect-timeout': { type: 'string', default: '0' },
    output: { type: 'string', short: 'o' },
    user: { type: 'string', short: 'u' },
  },
});

function die(code: number, message: string): never {
  if (!values.silent || values['show-error']) process.stderr.write(`curl: (${code}) ${message}\n`);
  process.exit(code);
}

const address = positionals[0];
if (address === undefined) die(2, 'no URL specified!');
const url = new URL(address.includes('://') ? address : `http://${address}`);
const host = resolveLocalhost(url.hostname);

const asked = request(
  { host, port: url.port || 80, path: `${url.pathname}${url.search}`, auth: values.user, agent: false },
  response => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', () => die(56, 'Recv failure: Connection reset by peer'));
    response.on('end', () => {
      const status = response.statusCode ?? 0;
      if (values.fail && status >= 400) die(22, `The requested URL returned error: ${status}`);
      if (values.output === undefined) process.stdout.write(Buffer.concat(chunks), () => process.exit(0));
      else {
        writeFileSync(values.output, Buffer.concat(chunks));
        process.exit(0);
      }
    });
  },
);
const limit = (seconds: number): NodeJS.Timeout | undefined =>
  seconds > 0
    ? setTimeout(() => die(28, `Operation timed out after ${seconds * 1000} milliseconds`), seconds * 1000)
    : undefined;
limit(Number(values['max-time']));
const connecting = limit(Number(values['connect-timeout']));
asked.on('socket', socket => socket.once('connect', () => clearTimeout(connecting)));
asked.on('error', error => {
  if (codeOf(error) === 'ENOTFOUND' || codeOf(error) === 'EAI_AGAIN') die(6, `Could not resolve host: ${host}`);
  if (codeOf(error) === 'ECONNRESET') die(52, 'Empty reply from server');
  die(
    codeOf(error) === 'ETIMEDOUT' ? 28 : 7,
    `Failed to connect to ${host} port ${url.port || 80}: Couldn't connect to server`,
  );
});
asked.end();
