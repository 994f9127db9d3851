/** The database in a process of its own, so that it can be killed: holder and server. Tells where it is, and where the server's process id is. */
import { join } from 'node:path';
import { startEmbeddedPostgres } from '#libs/persistence';

export interface DatabaseReady {
  readonly url: string;
  /** Begins with the number of the server's first process, with which all of its sessions end. The holder starts it again where it ends by itself. */
  readonly pidFile: string;
}

let folder = '';
const server = await startEmbeddedPostgres({
  dataDir: String(process.argv[2]),
  durability: 'process-crash',
  onFolder: (at) => (folder = at),
});
process.once('message', () => void server.stop().then(() => process.exit(0)));
process.once('disconnect', () => void server.stop().then(() => process.exit(0)));
process.send?.({ url: server.url, pidFile: join(folder, 'cluster', 'postmaster.pid') } satisfies DatabaseReady);
