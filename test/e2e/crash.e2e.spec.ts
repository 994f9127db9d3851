import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ExperimentAnalysed } from '#libs/contracts';
import { compiledCli } from './compiled-cli.js';

/** What evidence says, without when and by whom it was said. */
function evidenceOf({ requests, units, unitsInStage, metrics, health, epoch, stage }: ExperimentAnalysed): unknown {
  return { requests, units, unitsInStage, metrics, epoch, stage, sampleRatio: health.srm };
}

it('goes on with the same evidence after kill -9 of the whole process in the middle of an experiment', async () => {
  const { startStack, playScenario, findScenario } = await compiledCli();
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-crash-'));
  const stack = await startStack({ bus: 'postgres', dataDir, shape: 'standalone' });
  const seen: { before?: ExperimentAnalysed; after?: ExperimentAnalysed } = {};
  try {
    const played = await playScenario(stack, findScenario('expensive'), {
      seed: 1,
      requestsAfterwards: 1_000,
      differentPictures: 60,
      concurrency: 32,
      interlude: {
        afterRequests: 400,
        run: async (experiment) => {
          seen.before = stack.watcher.courseOf(experiment).analysis!;
          await stack.kill('standalone');
          await stack.restart('standalone');
          const { analysis } = await stack.watcher.until(
            experiment,
            (course) => course.analysis?.analysisId !== seen.before?.analysisId,
            20_000,
            'an analysis after the restart',
          );
          seen.after = analysis!;
        },
      },
    });
    expect(played).toMatchObject({ outcome: 'rolled-back', metric: 'cost-per-image', falseCommands: 0 });
    expect(seen.before!.units['control']).toBeGreaterThan(250);
    expect(evidenceOf(seen.after!)).toEqual(evidenceOf(seen.before!));
    // The served variant is looked at, not only the command: 1,000 further requests.
    expect(played.candidateAnswersAfterRollback).toBe(0);
  } finally {
    await stack.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 240_000);
