import { Analyzer } from '#apps/analyzer';
import { createEventBus } from '#libs/messaging';
import { openDatabase } from '#libs/persistence';
import { systemClock } from '#libs/platform';

/** An analyzer as a process of its own, to be stopped. It prints `leading` and what it has to say. */
const [, , url, limit, share] = process.argv as [string, string, string, string, 'partitions' | undefined];
const hungAfterMs = Number(limit);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const database = await openDatabase({ url });
const bus = await createEventBus({ carrier: 'postgres', database, hungAfterMs });
const log = { warn: say, error: say };
const shared = share === undefined ? {} : { share, snapshotEveryMs: 100 };
const analyzer = new Analyzer({ bus, database, clock: systemClock, log, hungAfterMs, ...shared });
process.once('SIGTERM', () => void analyzer.close().then(() => process.exit(0)));
analyzer.start();
await analyzer.leading;
say('leading');
