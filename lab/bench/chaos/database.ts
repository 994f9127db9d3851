/** The database in a process of its own, so that it can be killed: holder and server. Tells where it is, and the server's process id. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '#libs/persistence';

export interface DatabaseReady {
  readonly url: string;
  /** Of the first process of the server: with it all of its sessions end. */
  readonly serverPid: number;
}

let folder = '';
const server = await startEmbeddedPostgres({
  dataDir: String(process.argv[2]),
  durability: 'process-crash',
  onFolder: (at) => (folder = at),
});
const [pid] = readFileSync(join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n');
process.once('message', () => void server.stop().then(() => process.exit(0)));
process.once('disconnect', () => void server.stop().then(() => process.exit(0)));
process.send?.({ url: server.url, serverPid: Number(pid) } satisfies DatabaseReady);
