import type { MetricDefinition } from './definition.js';

type KeysOf<Union> = Union extends unknown ? keyof Union : never;

/** What the fold reads for every event comes first. */
const KEYS: Readonly<Record<KeysOf<MetricDefinition>, true>> = {
  name: true,
  kind: true,
  topic: true,
  direction: true,
  lateData: true,
  cap: true,
  capAt: true,
  level: true,
  observe: true,
  denominator: true,
  embedding: true,
  parts: true,
  windowMs: true,
  isJudgedWarm: true,
  reads: true,
  description: true,
  unit: true,
  defaultRole: true,
  scale: true,
  defaultMargin: true,
  floor: true,
  guards: true,
  burnInUnits: true,
};

/**
 * A metric's definition with all properties that one of any kind may have, in one order; those that it does not have are undefined. The fold reads them at
 * the same places for every metric, which is several times as fast where all have one shape.
 */
export function definitionOfOneShape(definition: MetricDefinition): MetricDefinition {
  const given: Readonly<Record<string, unknown>> = { ...definition };
  const shaped: Record<string, unknown> = {};
  for (const key of Object.keys(KEYS)) shaped[key] = given[key];
  return shaped as unknown as MetricDefinition;
}
