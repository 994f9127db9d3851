import type { DataSource, EntityManager } from 'typeorm';
import { createDataSource } from '../schema/data-source.js';

/** TypeORM's repositories, opened when first asked for. */
export interface Reads {
  /** @throws the driver's error when the database does not answer; the next call tries again. */
  manager(): Promise<EntityManager>;
  close(): Promise<void>;
}

/** Plain reads are short: with more connections they would only queue inside Postgres. */
const CONNECTIONS = 4;

export function openReads(url: string, applicationName: string, answerWithinMs: number): Reads {
  let opening: Promise<DataSource> | undefined;
  const opened = (): Promise<DataSource> => {
    if (opening) return opening;
    const attempt = createDataSource({
      url,
      connections: CONNECTIONS,
      access: 'read-only',
      applicationName,
      answerWithinMs,
    }).initialize();
    attempt.catch(() => (opening = undefined));
    return (opening = attempt);
  };
  return {
    manager: async () => (await opened()).manager,
    close: async () => {
      const source = await opening?.catch(() => undefined);
      await source?.destroy();
    },
  };
}
