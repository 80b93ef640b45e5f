import { DeployError } from '../error.ts';
import { SWITCHES, type Switches } from '../plan/world.ts';
import type { Sql } from './client.ts';

/**
 * What the FE that is asked allows its tablet scheduler; each has its own values, in memory.
 * @throws DeployError E_SQL_COLUMNS when one is missing
 */
export async function readSwitches(sql: Sql): Promise<Switches> {
  const rows = await sql.query("ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched%'");
  const values = new Map(rows.map(row => [row['Key'], row['Value']]));
  const found = SWITCHES.map(key => {
    const value = values.get(key);
    if (value === undefined) {
      throw new DeployError({
        code: 'E_SQL_COLUMNS',
        message: `ADMIN SHOW FRONTEND CONFIG does not know ${key}.`,
        hint: 'StarRocks 2.5 to 4.x are understood; report the release if it is one of them.',
      });
    }
    return [key, value] as const;
  });
  return Object.fromEntries(found) as Switches;
}
