import type { AnalysisHealth, ExperimentSpec } from '#libs/contracts';
import { number, percentOf } from './numbers.js';

/**
 * What is odd about the units themselves, each with a way out. Warnings: they hold nothing, since harm is found all the same.
 * @param unit what is randomised.
 */
export function unitWarnings(health: AnalysisHealth, unit: ExperimentSpec['unit']): readonly string[] {
  return [...unitIdWarnings(health.unitIds, unit), ...requestSplitWarning(health.requestSplit, unit)];
}

function unitIdWarnings(unitIds: AnalysisHealth['unitIds'], unit: ExperimentSpec['unit']): string[] {
  if (unitIds === undefined) return [];
  const { nameless, beyondMemory, heaviest } = unitIds;
  const warnings: string[] = [];
  if (nameless > 0)
    warnings.push(
      `${number(nameless)} requests carry a ${unit} that names nobody, such as “undefined”. They are shown and judge nothing. Let the client leave the header out, and update the routers: then each is a unit of its own.`,
    );
  if (beyondMemory > 0)
    warnings.push(
      `More ${unit}s came than can be remembered: ${number(beyondMemory)} events are of those beyond. They count for harm, and nothing more is proven. Look whether somebody makes ${unit}s up; a new revision begins with an empty memory.`,
    );
  if (heaviest !== null)
    warnings.push(
      `The ${unit} “${heaviest.unit}” makes at least ${percentOf(heaviest.share)} of all requests. It is one ${unit} among many for the tests, but what is shown over all requests is largely its own. If it is a machine, leave it out by the audience.`,
    );
  return warnings;
}

function requestSplitWarning(split: AnalysisHealth['requestSplit'], unit: ExperimentSpec['unit']): string[] {
  if (split?.status !== 'unequal') return [];
  const said = Object.entries(split.observed).map(
    ([variant, requests]) => `${variant} ${number(requests)}, ordered were ${number(split.expected[variant] ?? 0)}`,
  );
  return [
    `Requests don’t follow the weights though ${unit}s do (${said.join('; ')}): ${unit}s of one variant come back more often than those of the other. Look for retries after failures; they make the variant’s load and its rates over all requests differ.`,
  ];
}
