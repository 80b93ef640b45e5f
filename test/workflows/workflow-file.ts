import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

export type Yaml = Readonly<Record<string, unknown>>;

export interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Yaml;
}

export interface Job {
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly 'runs-on': unknown;
  readonly 'timeout-minutes'?: unknown;
  readonly permissions?: unknown;
  readonly environment?: Yaml;
  readonly concurrency?: unknown;
  readonly outputs?: Yaml;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly file: string;
  readonly text: string;
  readonly on: Yaml;
  readonly jobs: Readonly<Record<string, Job>>;
  /** All of it, for what the fields above do not name. */
  readonly whole: Yaml;
}

const folder = new URL('../../.github/workflows/', import.meta.url);

/** File name → text, of every workflow of this repository. */
export function workflowTexts(): Map<string, string> {
  return new Map(readdirSync(folder).map(file => [file, readFileSync(new URL(file, folder), 'utf8')]));
}

export function parseWorkflow(file: string, text: string): Workflow {
  const whole = parse(text);
  return { file, text, on: whole.on, jobs: whole.jobs, whole };
}
