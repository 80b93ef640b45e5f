import { DeployError, type Problem } from '../error.ts';
import type { Fault } from './texts.ts';

const advice: Record<Fault, Pick<Problem, 'code' | 'hint'>> = {
  'access-denied': {
    code: 'E_SQL_LOGIN',
    hint: "Check the StarRocks password that this run was given against root's.",
  },
  'no-privilege': {
    code: 'E_SQL_PRIVILEGE',
    hint: 'Use root, or grant the user cluster_admin and OPERATE ON SYSTEM, with SET DEFAULT ROLE ALL.',
  },
  'already-exists': {
    code: 'E_SQL_CONFLICT',
    hint: 'Look at SHOW FRONTENDS and SHOW BACKENDS for who holds the name.',
  },
  'does-not-exist': { code: 'E_SQL_REFUSED', hint: 'Look at SHOW FRONTENDS and SHOW BACKENDS, then run again.' },
  'leader-protected': { code: 'E_SQL_REFUSED', hint: 'Let another FE become leader first.' },
  partly: { code: 'E_SQL_REFUSED', hint: 'Bring up the FE that is named, then run again.' },
  busy: { code: 'E_SQL_BUSY', hint: 'Another statement holds the metadata lock: wait and run again.' },
  'no-leader': {
    code: 'E_NO_LEADER',
    hint: 'Start the follower FEs that are down: more than half of them must run before one can lead.',
  },
  timeout: {
    code: 'E_SQL_TIMEOUT',
    hint: 'SHOW hangs while no FE leads: see that more than half of the followers run, or raise timeouts.query.',
  },
  closed: { code: 'E_SQL_CLOSED', hint: 'Look at the log of that FE, then run again.' },
  refused: { code: 'E_SQL_REFUSED', hint: 'Read what StarRocks says, mend it, and run again.' },
};

/** A statement, a login or the way to an FE that failed. */
export class SqlFailure extends DeployError {
  readonly fault: Fault;
  constructor(fault: Fault, message: string) {
    super({ ...advice[fault], message });
    this.name = 'SqlFailure';
    this.fault = fault;
  }
}
