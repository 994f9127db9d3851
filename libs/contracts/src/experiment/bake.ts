import { z } from 'zod';
import { MILLION } from '../names.js';
import { durationOfAtLeast, parseDurationMs } from './duration.js';
import type { Complain } from './file-problems.js';
import { percentText, percentToPpm } from './ramp.js';
import type { ExperimentSpec, Ramp } from './spec.js';

const aTime = durationOfAtLeast('1ms');
const USUAL_SLICE = '1%';
/** A larger slice is a stage of the ramp like any other. */
const LARGEST_SLICE_PPM = MILLION / 2;

/** The bake before the promotion as people write it. */
export const bakeFile = z.union(
  [aTime, z.strictObject({ for: aTime, heldBack: percentText.default(USUAL_SLICE) })],
  'expected a duration such as 24h, or { for: 24h, heldBack: 1% }',
);

interface Written {
  readonly bake?: z.output<typeof bakeFile> | undefined;
  readonly kind: ExperimentSpec['kind'];
  readonly mode: 'ramp' | 'shadow';
}

/**
 * The ramp with its bake: a stage before the last one, under the conditions that the last one has, since from then on all but a slice is the
 * candidate's.
 */
export function withBake(ramp: Ramp, { bake, kind, mode }: Written, complain: Complain): Ramp {
  if (bake === undefined) return ramp;
  const given = typeof bake === 'string' ? { for: bake, heldBack: USUAL_SLICE } : bake;
  const { stages } = ramp;
  const weightPpm = MILLION - percentToPpm(given.heldBack);
  const path = typeof bake === 'string' ? ['bake'] : ['bake', 'heldBack'];
  if (kind === 'ab')
    complain(['bake'], 'comes before a promotion, and an ab test ends with a winner: expected kind: canary');
  if (mode === 'shadow')
    complain(['bake'], 'comes before a promotion, and nothing follows a shadow alone: expected mode: ramp');
  if (weightPpm >= MILLION || weightPpm < LARGEST_SLICE_PPM) complain(path, 'expected more than 0% and at most 50%');
  const before = stages.at(-2)?.weightPpm ?? 0;
  if (weightPpm <= before) {
    complain(
      path,
      `leaves control ${given.heldBack}, and the stage before (${before / 10_000}%) no more than that: expected a smaller slice`,
    );
  }
  const promotion = stages.at(-1);
  if (promotion === undefined) return ramp;
  const { atLeastMs: _time, ...conditions } = promotion;
  const baking = { ...conditions, weightPpm, atLeastMs: parseDurationMs(given.for), bake: true as const };
  const last = { weightPpm: MILLION, atLeastMs: 0, atLeastUnits: 0, approval: 'none' as const };
  return { ...ramp, stages: [...stages.slice(0, -1), baking, last] };
}
