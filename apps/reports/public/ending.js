import { badge } from './badge.js';
import { h } from './dom.js';
import { clock, count, number, onWrittenScale, share } from './format.js';
import { metricRows } from './metric-table.js';
import { commandReasons, endings } from './words.js';

/** The command after which nothing follows; undefined while the experiment goes on. */
export function endingOf({ decisions }) {
  return decisions.findLast(({ terminal }) => terminal);
}

/** The verdict that ended the experiment, as it was at that moment: what arrives afterwards changes the metrics below, not this. */
export function endingView({ ending, before, decidesAtLnE, guardrails, namesCandidate }) {
  const { command, commandedAt, reason, message, evidence } = ending;
  return [
    h(
      'div',
      { class: 'decision-head' },
      badge(endings[command]),
      h(
        'span',
        { class: 'small inline' },
        [clock(commandedAt), shareBefore(before), commandReasons[reason]].join(' · '),
      ),
    ),
    h('p', { class: 'verdict' }, message),
    ...(evidence === null ? [] : atThatMoment(evidence, { decidesAtLnE, guardrails, namesCandidate })),
  ];
}

function atThatMoment(evidence, { decidesAtLnE, guardrails, namesCandidate }) {
  const { metric, metricAnalysis, lnE, units, pairs, analysedAt } = evidence;
  const seen = `As analysed at ${clock(analysedAt)}. Evidence that arrived later is under “Metrics”; it does not change the decision.`;
  if (metricAnalysis)
    return [
      metricRows({
        label: 'The deciding metric',
        rows: onWrittenScale([metricAnalysis], guardrails),
        caption: seen,
        decidesAtLnE,
        namesCandidate,
        isPaired: pairs !== undefined,
      }),
    ];
  if (metric === null) return [h('p', { class: 'small' }, seen)];
  return [
    h(
      'p',
      { class: 'small' },
      `${metric}: ln E ${number(lnE)} after ${count(units)} ${pairs === undefined ? 'units of the candidate' : 'pairs'}. ${seen}`,
    ),
  ];
}

function shareBefore(decision) {
  if (decision === undefined) return 'before the start';
  const shares = Object.entries(decision.weightsPpm).map(([variant, ppm]) => `${variant} ${share(ppm)}`);
  return `until then ${shares.join(', ')}`;
}
