import type { Complain } from './file-problems.js';
import { findMetric, type KnownMetric } from './known-metric.js';
import type { WrittenGuardrail } from './guardrails.js';
import type { ExperimentSpec, Guardrail } from './spec.js';

/** Guardrails that every canary has, or every one that judges pictures, but those that its file writes itself or turns off. */
export function guardedByDefault(
  { kind, objectives }: Pick<ExperimentSpec, 'kind' | 'objectives'>,
  written: readonly WrittenGuardrail[],
  known: readonly KnownMetric[],
): Guardrail[] {
  if (kind !== 'canary') return [];
  const judged = [...written.filter(({ off }) => off !== true), ...objectives];
  const judgesPictures = judged.some(({ metric }) => findMetric(metric, known)?.isOfPictures === true);
  return known.flatMap(({ name, guardsCanaries, guardsWith }): Guardrail[] => {
    if (guardsCanaries === undefined || written.some(({ metric }) => metric === name)) return [];
    if (guardsWith === 'a-metric-of-pictures' && !judgesPictures) return [];
    return [{ metric: name, margin: guardsCanaries, rollbackOn: 'beyond-margin', byDefault: true }];
  });
}

/**
 * What is written without what is turned off. Only what guards without being written can be, and then nothing else is said of it.
 */
export function withoutTurnedOff(
  kind: ExperimentSpec['kind'],
  written: readonly WrittenGuardrail[],
  known: readonly KnownMetric[],
  complain: Complain,
): readonly WrittenGuardrail[] {
  return written.filter(({ metric, margin, off, path }) => {
    if (off !== true) return true;
    if (kind !== 'canary' || findMetric(metric, known)?.guardsCanaries === undefined) {
      const always = known.flatMap(({ name, guardsCanaries }) => (guardsCanaries === undefined ? [] : [name]));
      complain(
        [...path, 'off'],
        `"${metric}" guards nothing unless it is written: leave the line out (only a canary’s ${always.join(', ') || 'default guardrails'} can be turned off)`,
      );
    } else if (margin !== undefined) {
      complain([...path, 'margin'], `"${metric}" is turned off, so its margin means nothing: keep one of them`);
    }
    return false;
  });
}
