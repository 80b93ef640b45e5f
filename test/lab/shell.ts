import { $ } from 'zx';

/** Runs a command of the lab; what it prints stays out of the tests' output, and a failure throws with it. */
export const shell = $({
  quiet: true,
  // A fixed environment: what runs on a host must not depend on who started the tests. And SHLVL, because bash takes a
  // standard input that is a socket, as Node's are, for a remote login and reads ~/.bashrc, which may take minutes.
  env: {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: '/root',
    SHLVL: '1',
  },
});

/** One process of iproute2 for all of these commands, in their order. */
export async function ip(...commands: readonly string[]): Promise<void> {
  await shell({ input: `${commands.join('\n')}\n` })`ip -batch -`;
}
