import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** What stays the same while nobody is touched; heartbeats, journals and tablets move by themselves. */
const FRONTEND = [
  'Name',
  'IP',
  'EditLogPort',
  'HttpPort',
  'QueryPort',
  'RpcPort',
  'Role',
  'ClusterId',
  'Join',
  'Alive',
  'StartTime',
  'Version',
];
const BACKEND = [
  'BackendId',
  'IP',
  'HeartbeatPort',
  'BePort',
  'HttpPort',
  'BrpcPort',
  'LastStartTime',
  'Alive',
  'SystemDecommissioned',
  'Version',
];

/** Rows of FEs and BEs by what identifies them, asked of that FE past the deploy. */
export async function identities(address: string): Promise<Record<string, string>[]> {
  const connection = await createConnection({ host: address, port: 9030, user: 'root' });
  try {
    const ask = async (statement: string, columns: readonly string[]) => {
      const [rows] = await connection.query<RowDataPacket[]>(statement);
      const of = (row: RowDataPacket) =>
        Object.fromEntries(
          columns.map(name => {
            if (!(name in row)) throw new Error(`${statement} has no column ${name}`);
            return [name, String(row[name])];
          }),
        );
      return rows.map(of).sort((a, b) => `${a['IP']}`.localeCompare(`${b['IP']}`));
    };
    return [...(await ask('SHOW FRONTENDS', FRONTEND)), ...(await ask('SHOW BACKENDS', BACKEND))];
  } finally {
    connection.destroy();
  }
}
