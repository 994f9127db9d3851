/** @module-tag long */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Kafka, logLevel } from 'kafkajs';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createEventBus, ensureTopics, NoKafkaError, startKafka } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { withDatabase } from '#libs/testing/database';
import { watchNode, type WatchedProcess } from '#libs/testing/processes';

const GROUPS = ['analyzer', 'analyzer-owner'];
const SIGNED_OFF = GROUPS.map((group) => new RegExp(`of the group ${group} has died and is signed off`));

it('an analyzer that is killed is signed off by the one that shares with it, which has all partitions long before the broker would miss it', async ({
  skip,
}) => {
  Logger.overrideLogger(['error']);
  const kafka = await startKafka().catch((error: unknown) => {
    if (error instanceof NoKafkaError) return skip(error.message);
    throw error;
  });
  onTestFinished(() => kafka.stop());
  const database = await withDatabase();
  onTestFinished(() => database.close());
  await migrate(database);
  const bus = await createEventBus({ carrier: 'kafka', brokers: kafka.brokers, clientId: 'test' });
  await ensureTopics(bus, 4);
  await bus.close();
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-take-over-'));
  await chmod(dataDir, 0o755);
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const settings = {
    BUS: 'kafka',
    KAFKA_BROKERS: kafka.brokers.join(','),
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
  };
  const [killed, staying] = [startAnalyzer(settings), startAnalyzer(settings)];
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const groups = async () =>
    (await admin.describeGroups(GROUPS)).groups.map(({ state, members }) => `${state} ${members.length}`);
  await vi.waitFor(async () => expect(await groups()).toEqual(['Stable 2', 'Stable 2']), WAIT);
  // Until each has seen that the other one lives.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  killed.process.kill('SIGKILL');
  const killedAtMs = performance.now();
  await vi.waitFor(async () => expect(await groups()).toEqual(['Stable 1', 'Stable 1']), WAIT);
  process.stderr.write(`taken over ${Math.round(performance.now() - killedAtMs)} ms after the kill\n`);
  for (const words of SIGNED_OFF) expect(staying.output()).toMatch(words);
  staying.process.kill('SIGTERM');
  expect(await staying.ended).toBe(0);
}, 480_000);

/** Modules alone take their time on a machine that does much else. */
const WAIT = { timeout: 180_000, interval: 100 };

function startAnalyzer(settings: Readonly<Record<string, string>>): WatchedProcess {
  const main = new URL('../../dist/apps/analyzer/src/main.js', import.meta.url).pathname;
  const member = watchNode([main], {
    ...settings,
    ANALYZER_SHARE: 'partitions',
    ANALYZER_PORT: '0',
    LOG_FORMAT: 'text',
  });
  onTestFinished(() => void member.process.kill('SIGKILL'));
  return member;
}
