import { tellOthers } from './config-push.ts';
import type { FrontendProcess } from './frontend-process.ts';

/** ALTER SYSTEM CREATE IMAGE: writes image.N and copies it to every other FE that answers. */
export async function pushImage(fe: FrontendProcess): Promise<void> {
  const { index } = fe.replication.position;
  fe.metadata.writeImage(index);
  const told = await tellOthers(fe, { kind: 'image', cluster_id: fe.me.cluster_id, index });
  const successful = told.filter(({ code }) => code === null).length;
  fe.log(
    'INFO',
    `push image.${index} from subdir [] to other nodes. totally ${told.length} nodes, push successful ${successful} nodes`,
  );
}
