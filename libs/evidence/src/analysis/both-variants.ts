import type { Arm } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { Judgement, Tests } from '../kinds/method.js';
import type { ValueReading } from './missing-values.js';

/** Whether both variants have a value that the tests could rest on. What people do of their own accord is a value by itself. */
export function haveBothValues({ units, events }: Judgement, { definition }: MetricDesign): boolean {
  const values: Readonly<Record<Arm, number>> = definition.kind === 'incidence' ? events : units;
  return values.control > 0 && values.candidate > 0;
}

/**
 * The tests without what the absence of values has said: tilts count events per assigned unit, so a variant whose values are missing has few
 * bad ones. ln E that is lowered stays valid. Nothing is proven to be within a margin; harm stands, but where it is "too few good ones",
 * which is what missing values look like.
 */
export function withoutSilence(tests: Tests, metric: MetricDesign): Tests {
  return {
    ...tests,
    harmful: isHarmByAbsence(metric) ? atMostNothing(tests.harmful) : tests.harmful,
    nonInferior: atMostNothing(tests.nonInferior),
    superior: atMostNothing(tests.superior),
    budget: tests.budget.map((step) => ({ ...step, lnENonInferior: atMostNothing(step.lnENonInferior) })),
  };
}

/** Deeds are left out: who is sent nothing by the candidate's people has seen that they do nothing. */
function isHarmByAbsence({ definition: { kind, direction }, test }: MetricDesign): boolean {
  if (direction === 'lower') return false;
  return kind === 'upper-tail' || (kind === 'rate' && (test?.anyHarm === true || test?.margin.kind === 'relative'));
}

/** E of at most 1. */
function atMostNothing(lnE: number): number {
  return Math.min(0, lnE);
}

/** What may be said at all: nothing is proven of values that one variant doesn't have, or has of fewer units. */
export function trusted(judgement: Judgement, metric: MetricDesign, { fault }: Pick<ValueReading, 'fault'>): Judgement {
  if (judgement.tests === null || (fault === null && haveBothValues(judgement, metric))) return judgement;
  return { ...judgement, tests: withoutSilence(judgement.tests, metric) };
}
