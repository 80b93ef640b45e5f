import type { Finding } from '../diagnostics/finding.ts';
import type { Draft } from './draft.ts';

const environmentName = /^[A-Z_][A-Z0-9_]*$/;

/** A password that reaches git is lost: only the name of the variable that holds it may stand in the file. */
export function checkPassword({ password }: Draft): Finding[] {
  if (
    password === undefined ||
    (password.kind === 'scalar' && (typeof password.value === 'boolean' || password.value === null))
  )
    return [];
  if (password.kind === 'scalar' && environmentName.test(String(password.value))) return [];
  return [
    {
      code: 'E_PASSWORD',
      at: password.at,
      // The value itself must not be repeated: diagnostics end up in logs and comments.
      message: '`password` says whether root has a password, and this looks like the password itself.',
      hint: 'Write `true` and put the password into the secret STARROCKS_PASSWORD; if this is a real one, change it: it is in git now.',
    },
  ];
}

/** Name of the environment variable with root's password, or null where root has none. */
export function passwordVariable({ password }: Draft): string | null {
  if (password?.kind !== 'scalar') return null;
  if (typeof password.value === 'string') return password.value;
  return password.value === true ? 'STARROCKS_PASSWORD' : null;
}
