/** A `${NAME}` in a conf file that the environment does not have. */
export class MissingVariable extends Error {
  readonly variable: string;
  constructor(variable: string) {
    super(variable);
    this.variable = variable;
  }
}

/**
 * Reads fe.conf or be.conf as StarRocks does: `key = value` lines, `#` comments, `${NAME}` from the environment in any
 * value (ConfigBase.java, configbase.cpp). Throws MissingVariable.
 */
export function readConf(text: string, env: NodeJS.ProcessEnv): Map<string, string> {
  const conf = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!=\s][^=\s]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    conf.set(
      match[1],
      match[2].replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => variable(env, name)),
    );
  }
  return conf;
}

function variable(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined) throw new MissingVariable(name);
  return value;
}
