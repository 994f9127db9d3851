/** @module-tag long */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { NoKafkaError } from '#libs/messaging';
import { compiledCli } from './compiled-cli.js';

it('rolls a bad checkpoint back with every service a process of its own, over a real Kafka broker', async (context: TestContext) => {
  const { startStack, playScenario, findScenario } = await compiledCli();
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-apart-'));
  try {
    const stack = await startStack({ bus: 'kafka', dataDir, shape: 'all-apart' }).catch((error: unknown) => {
      if ((error as Error).name !== NoKafkaError.name) throw error;
      console.warn(`SKIPPED, NOT PASSED: ${(error as Error).message}`);
      return context.skip();
    });
    try {
      const played = await playScenario(stack, findScenario('wrong-attribute'), {
        seed: 1,
        requestsAfterwards: 1_000,
        concurrency: 32,
      });
      expect(played).toMatchObject({ outcome: 'rolled-back', reason: 'harmful', falseCommands: 0 });
      expect(played.exposed).toBeGreaterThan(0);
      expect(played.candidateAnswersAfterRollback).toBe(0);
    } finally {
      await stack.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}, 300_000);
