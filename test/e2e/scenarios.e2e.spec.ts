/** @module-tag long */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const cli = new URL('../../dist/apps/cli/src/main.js', import.meta.url).pathname;

interface Result {
  readonly scenario: string;
  readonly outcome: string;
  readonly reason: string;
  readonly metric: string | null;
  readonly units: number;
  readonly requests: number;
  readonly exposed: number;
  readonly stagesReached: readonly number[];
  readonly falseCommands: number;
  readonly detectionToAppliedMs: { readonly p50: number; readonly max: number };
}

/** The compiled command line as a user runs it; the result is its last line. A wrong ending is a non-zero exit, hence a rejection. */
async function play(scenario: string, seed: number): Promise<Result> {
  const { stdout } = await run(
    process.execPath,
    [cli, 'demo', '--scenario', scenario, '--exit', '--seed', String(seed)],
    {
      timeout: 240_000,
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Result;
}

describe('the loop on real pictures, from the command line', () => {
  it('rolls a checkpoint back that draws the wrong things while latency and errors are fine', async () => {
    const result = await play('wrong-attribute', 1);
    expect(result).toMatchObject({ outcome: 'rolled-back', reason: 'harmful', falseCommands: 0 });
    expect(['alignment', 'wrong-pictures']).toContain(result.metric);
    // The simulated table of the rule shows 22 of 2,100; a fifth of all requests would mean that nobody was protected.
    expect(result.exposed).toBeLessThan(150);
  }, 300_000);

  it('rolls a slow candidate back on the tail of its latency', async () => {
    const result = await play('slow', 1);
    expect(result).toMatchObject({ outcome: 'rolled-back', metric: 'latency-p95', falseCommands: 0 });
    expect(result.detectionToAppliedMs.max).toBeLessThan(5_000);
  }, 300_000);

  // Stage by stage from 1 % is promoted in whole-rule.sim, and here in about twice the time of one after a shadow.
  it('promotes a cheaper sampler that draws equal pictures, from the shadow to all traffic', async () => {
    const result = await play('good-canary-shadow', 1);
    expect(result).toMatchObject({
      outcome: 'promoted',
      reason: 'all-guardrails-non-inferior',
      metric: null,
      falseCommands: 0,
    });
    // Nobody is served in the shadow; what its pairs have proven then allows more than the first 1 %.
    expect(result.stagesReached[0]).toBe(0);
    expect(result.stagesReached[1]).toBeGreaterThanOrEqual(10);
    expect(result.stagesReached.at(-1)).toBe(100);
    expect([...result.stagesReached].sort((a, b) => a - b)).toEqual(result.stagesReached);
  }, 400_000);
});
