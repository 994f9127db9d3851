import type { Database, Queryable } from '#libs/persistence';
import { UnknownTopicError, type TopicSettings } from '../../event-bus.js';

export interface StoredTopic extends TopicSettings {
  readonly topicId: number;
}

/** The topics of the database, remembered: a topic never changes and never goes. */
export class TopicCatalogue {
  private readonly known = new Map<string, StoredTopic>();
  private readonly searches = new Map<string, Promise<StoredTopic>>();

  constructor(private readonly database: Database) {}

  async create(topics: readonly TopicSettings[]): Promise<void> {
    const names = topics.map((topic) => topic.name);
    const partitions = topics.map((topic) => topic.partitions);
    const compacted = topics.map((topic) => topic.compacted);
    await this.database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO bus.topic (name, partitions, compacted)
         SELECT * FROM unnest($1::text[], $2::int[], $3::bool[]) AS t(name, partitions, compacted) ORDER BY name
         ON CONFLICT (name) DO NOTHING`,
        [names, partitions, compacted],
      );
      await tx.query(
        `INSERT INTO bus.partition (topic_id, partition)
         SELECT topic_id, p FROM bus.topic, generate_series(0, partitions - 1) AS p WHERE name = ANY($1::text[])
         ORDER BY topic_id, p
         ON CONFLICT DO NOTHING`,
        [names],
      );
    });
    await this.load(this.database, names);
  }

  /** @throws UnknownTopicError */
  async topic(name: string): Promise<StoredTopic> {
    const known = this.peek(name);
    if (known) return known;
    // One search for everybody who asks: they go on in the order in which they asked.
    const search = this.searches.get(name) ?? this.find(name).finally(() => this.searches.delete(name));
    this.searches.set(name, search);
    return search;
  }

  /** The topic if it is remembered: spares the hot path a promise. */
  peek(name: string): StoredTopic | undefined {
    return this.known.get(name);
  }

  private async find(name: string): Promise<StoredTopic> {
    await this.load(this.database, [name]);
    const topic = this.known.get(name);
    if (!topic) throw new UnknownTopicError(name);
    return topic;
  }

  private async load(queryable: Queryable, names: readonly string[]): Promise<void> {
    const rows = await queryable.query<{ topic_id: number; name: string; partitions: number; compacted: boolean }>(
      'SELECT topic_id, name, partitions, compacted FROM bus.topic WHERE name = ANY($1::text[])',
      [names],
    );
    for (const { topic_id: topicId, name, partitions, compacted } of rows) {
      this.known.set(name, { topicId, name, partitions, compacted });
    }
  }
}
