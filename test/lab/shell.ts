import { $ } from 'zx';

/** Runs a command of the lab; what it prints stays out of the tests' output, and a failure throws with it. */
export const shell = $({ quiet: true, env: { PATH: process.env['PATH'], LANG: 'C.UTF-8' } });
