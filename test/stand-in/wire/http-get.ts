import { request } from 'node:http';
import type { Target } from './json-lines.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Rejects with the system's code, or after `limitMs` in all. */
export function httpGet(target: Target, path: string, limitMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { host, port, from } = target;
    const asked = request({ host, port, path, localAddress: from, agent: false }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    const timer = setTimeout(
      () => asked.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      limitMs,
    );
    asked.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    asked.end();
  });
}
