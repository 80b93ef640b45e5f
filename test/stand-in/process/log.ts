import { appendFileSync } from 'node:fs';

/** A line of StarRocks' own log, in its form. */
export type Log = (level: 'INFO' | 'WARN' | 'ERROR', message: string) => void;

/** `--logconsole` sends everything to standard error and leaves the file empty, as seen on a real FE. */
export function openLog(file: string, console: 'console' | 'file'): Log {
  appendFileSync(file, '');
  return (level, message) => {
    const line = `${localTime(Date.now())} ${level} ${message}\n`;
    if (console === 'console') process.stderr.write(line);
    else appendFileSync(file, line);
  };
}

/** `2026-11-23 12:43:45` in the machine's time zone, as StarRocks prints times. */
export function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
