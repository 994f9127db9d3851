import { comparisonOf, number, percent, reasonInWords } from '#libs/delivery';
import type { MetricAnswer, SummaryAnswer } from '../server/answers.js';
import { alignedColumns } from '../terminal/columns.js';

type Guardrails = SummaryAnswer['guardrails'];

/** What a comparison is made in where nothing is allowed or forbidden: percentages. */
const NO_MARGIN = { kind: 'relative', value: 0 } as const;

/** A table of what decides, a row per metric and candidate; what is only observed is on the page. */
export function metricTable(summary: SummaryAnswer): readonly string[] {
  const judged = summary.metrics.filter(({ role }) => role !== 'observed');
  if (judged.length === 0) return [];
  const several = new Set(judged.map(({ candidate }) => candidate)).size > 1;
  const rows = judged.map((metric) => {
    const name = several ? `${metric.metric} (${metric.candidate})` : metric.metric;
    const { estimate, allowed } = comparedWords(metric, summary);
    return [name, verdictWords(metric, summary), estimate, allowed, number(metric.n.candidate.units)];
  });
  return alignedColumns([['metric', 'verdict', 'candidate', 'allowed', `${summary.unit}s`], ...rows]);
}

/** "harmful", "undecided: still collecting evidence"; "(dry run)" where nothing follows from it, since the guardrail is only tried. */
export function verdictWords(metric: MetricAnswer, { guardrails }: SummaryAnswer): string {
  const verdict = verdictAlone(metric);
  return guardrailOn(guardrails, metric)?.isDryRun === true ? `${verdict} (dry run)` : verdict;
}

function verdictAlone({ verdict, reason }: MetricAnswer): string {
  switch (verdict) {
    case 'harmful':
      return 'HARMFUL';
    case 'non-inferior':
      return 'no worse';
    case 'superior':
      return 'better';
    case 'undecided':
    case 'unmeasurable':
      return `${verdict}: ${reasonInWords(reason)}`;
    default:
      return verdict satisfies never;
  }
}

function comparedWords(
  metric: MetricAnswer,
  { guardrails, comparedWith }: SummaryAnswer,
): { readonly estimate: string; readonly allowed: string } {
  const written = guardrailOn(guardrails, metric)?.margin;
  const { estimate, allowed } = comparisonOf(metric, written ?? NO_MARGIN, comparedWith);
  return { estimate: estimate ?? '–', allowed: written ? allowed : '–' };
}

function guardrailOn(guardrails: Guardrails, { metric }: MetricAnswer): Guardrails[number] | undefined {
  return guardrails.find((guardrail) => guardrail.metric === metric);
}

/** Requests per variant, and what became of them. */
export function trafficTable({ variants }: SummaryAnswer): readonly string[] {
  const rows = variants.map(({ variant, role, weightPpm, requests, requestsByOutcome }) => [
    role === variant ? variant : `${variant} (${role})`,
    percent(weightPpm),
    number(requests),
    outcomesWords(requestsByOutcome),
  ]);
  return alignedColumns([['variant', 'share', 'requests', 'outcomes'], ...rows]);
}

function outcomesWords(byOutcome: Readonly<Record<string, number>>): string {
  return Object.entries(byOutcome)
    .filter(([, requests]) => requests > 0)
    .map(([outcome, requests]) => `${number(requests)} ${outcome}`)
    .join(', ');
}
