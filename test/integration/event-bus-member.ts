import { createEventBus, type EventBusOptions } from '#libs/messaging';
import { openDatabase } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { rememberFacts, positionOfFacts } from './event-bus-facts.js';

/** A member of a group as a process of its own, to be killed. It prints `ready` and one line for every batch it has handled. */
export interface MemberSettings {
  readonly bus:
    | { readonly carrier: 'postgres'; readonly url: string; readonly hungAfterMs: number }
    | Extract<EventBusOptions, { carrier: 'kafka' }>;
  readonly topic: string;
  readonly group: string;
  /** Keeps facts and position in this database, and dies right before or right after the commit of the first batch. */
  readonly facts?: { readonly url: string; readonly dies: 'before-commit' | 'after-commit' };
  /** Keeps its position in this database as the recorder does, and says `holding` a moment before it writes it. */
  readonly positions?: { readonly url: string };
}

const settings = JSON.parse(process.argv[2]!) as MemberSettings;
const { topic, group, facts, positions } = settings;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

const bus = await createEventBus(
  settings.bus.carrier === 'postgres'
    ? {
        carrier: 'postgres',
        database: await openDatabase({ url: settings.bus.url }),
        checkEveryMs: 200,
        hungAfterMs: settings.bus.hungAfterMs,
      }
    : settings.bus,
);
const database = facts ? await openDatabase({ url: facts.url }) : undefined;
const held = positions ? await openDatabase({ url: positions.url }) : undefined;
const places = held && createPositions(held, group);
const subscription = bus.subscribe({
  group,
  topics: [topic],
  ...(database
    ? { positionOf: (_topic: string, partition: number) => positionOfFacts(database, group, partition) }
    : {}),
  ...(places ? { positionOf: places.kept } : {}),
  handler: async (batch) => {
    if (held && places) {
      say('holding');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await held
        .transaction((tx) => places.write(tx, batch))
        .then(
          () => say('written'),
          (error: Error) => say(`refused: ${error.name}`),
        );
    }
    if (database && facts) {
      await rememberFacts(database, group, batch, facts.dies === 'before-commit' ? die : () => Promise.resolve());
      if (facts.dies === 'after-commit') await die();
    }
    say(`handled ${batch.partition} ${batch.nextOffset}`);
  },
});
await subscription.ready;
say('ready');
