import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { codeOf } from '../wire/json-lines.ts';
import { analyzing } from './sql-error.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port` of a statement; in IP mode a name becomes its address (SystemInfoService.validateHostAndPort). */
export async function readHostPort(text: string): Promise<HostPort> {
  const [host = '', port = '', ...more] = text.trim().split(':');
  if (port === '' || more.length > 0) throw analyzing(`Invalid host port: ${text}`);
  if (host === '') throw analyzing('Host is null');
  const number = Number(port);
  if (!Number.isInteger(number) || number <= 0 || number >= 65536) {
    const detail = `Getting analyzing error. Detail message: Port is out of range: ${port}.`;
    throw analyzing(`Encounter unknown exception: ${detail}`);
  }
  return { host: await address(host), port: number };
}

async function address(host: string): Promise<string> {
  if (isIPv4(host)) return host;
  try {
    return (await lookup(host, 4)).address;
  } catch (error) {
    const why = codeOf(error) === 'EAI_AGAIN' ? 'Temporary failure in name resolution' : 'Name or service not known';
    throw analyzing(`Unknown host: ${host}: ${why}`);
  }
}
