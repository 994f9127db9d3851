import type { z } from 'zod';

/** The applications of apps/ that publish or read events. `inference` stands for every service that embeds libs/telemetry. */
export type Application = 'router' | 'inference' | 'scorer' | 'analyzer' | 'decision' | 'recorder' | 'reports' | 'cli';

/** What is to be known of a topic. Topics keyed by `unit` share one partition count and partitioner, so all events of one unit meet in one partition. */
export interface Topic<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly name: Name;
  readonly key: 'unit' | 'experiment' | 'experiment and part' | 'service' | 'none';
  /** Log compaction: a new reader finds at least the latest record of every key. */
  readonly compacted: boolean;
  /** Who obeys it obeys whoever may publish: producers sign each event, and consumers check it where they know the key. */
  readonly signed?: true;
  /** Empty: nothing publishes it yet. Checked against the code. */
  readonly producedBy: readonly Application[];
  /** Empty: nothing reads it yet. Checked against the code. */
  readonly consumedBy: readonly Application[];
  readonly says: string;
  /** Of the event's data. */
  readonly schema: Schema;
  /** What the documentation shows and the tests validate. */
  readonly example: z.output<Schema>;
}

/** Keeps name and schema of a topic as types, so that `DataOf` knows them. */
export function defineTopic<const Name extends string, Schema extends z.ZodType>(
  topic: Topic<Name, Schema>,
): Topic<Name, Schema> {
  return topic;
}
