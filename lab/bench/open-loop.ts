import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { UNIT_HEADER } from '#libs/contracts';

/** Where requests are sent, and what came back of them so far. */
export interface OpenLoopTarget {
  readonly name: string;
  readonly pool: Pool;
  /** From when a request was due to the end of its answer: waiting for a late client counts, as it does for people. */
  readonly latenciesMs: number[];
  /** Answers that were no 200, and requests without one. */
  failed: number;
}

export interface OpenLoopPlan {
  readonly perSecond: number;
  /** How long each target is asked before it is the next one's turn. */
  readonly sliceMs: number;
  readonly rounds: number;
}

/** A timer is late by a millisecond or so; what is due by then is sent at once. */
const TICK_MS = 1;
/** At 500 requests/s and slices of 2 s: three thousand requests, after which code runs compiled. */
const WARM_UP_ROUNDS = 3;

export function openLoopTarget(name: string, url: string): OpenLoopTarget {
  return { name, pool: new Pool(new URL(url).origin, { connections: 64 }), latenciesMs: [], failed: 0 };
}

/**
 * Asks the targets in turns, slice by slice, so that what else the machine does meets all of them. Requests are sent when they are due, whether earlier
 * ones are answered or not. The first rounds warm up and are forgotten.
 */
export async function askInTurns(targets: readonly OpenLoopTarget[], plan: OpenLoopPlan): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS + plan.rounds; round += 1) {
    if (round === WARM_UP_ROUNDS) for (const target of targets) forget(target);
    for (const target of targets) await askSlice(target, plan);
  }
}

function forget(target: OpenLoopTarget): void {
  target.latenciesMs.length = 0;
  target.failed = 0;
}

async function askSlice(target: OpenLoopTarget, { perSecond, sliceMs }: OpenLoopPlan): Promise<void> {
  const everyMs = 1000 / perSecond;
  const requests = Math.floor(sliceMs / everyMs);
  const startedAtMs = performance.now();
  const answers: Promise<void>[] = [];
  while (answers.length < requests) {
    const dueAtMs = startedAtMs + answers.length * everyMs;
    if (dueAtMs <= performance.now()) answers.push(askOnce(target, answers.length, dueAtMs));
    else await pause(TICK_MS);
  }
  await Promise.all(answers);
}

async function askOnce(target: OpenLoopTarget, unit: number, dueAtMs: number): Promise<void> {
  try {
    const response = await target.pool.request({
      method: 'POST',
      path: '/v1/services/text-to-image/generations',
      headers: { 'content-type': 'application/json', [UNIT_HEADER]: `user-${unit}` },
      body: '{"prompt":"a small red circle at the left","seed":4242}',
    });
    await response.body.dump({ limit: 2 ** 30 });
    if (response.statusCode === 200) target.latenciesMs.push(performance.now() - dueAtMs);
    else target.failed += 1;
  } catch {
    target.failed += 1;
  }
}
