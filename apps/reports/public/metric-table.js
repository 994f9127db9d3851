import { badge } from './badge.js';
import { h } from './dom.js';
import { evidenceChart } from './evidence-chart.js';
import { count, effect, estimate, marginOnScale, number } from './format.js';
import { intervalBar } from './interval-bar.js';
import { reasonText, verdicts } from './words.js';

const ROLE_ORDER = { guardrail: 0, objective: 1, observed: 2 };

/** One row per metric and candidate; guardrails first. */
export function metricTable({ metrics, decidesAtLnE, candidates }, points) {
  if (metrics.length === 0)
    return h('p', { class: 'empty' }, 'Waiting for the first analysis: it comes with the first events.');
  const sorted = [...metrics].sort((a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role]);
  const heads = [
    'Metric',
    'Control',
    'Candidate',
    'Effect with interval',
    `ln E, decides at ${number(decidesAtLnE)}`,
    'Verdict',
  ];
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Metrics' },
    h(
      'table',
      { class: 'metrics' },
      h('caption', {}, legend()),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((head) => h('th', { scope: 'col' }, head)),
        ),
      ),
      h(
        'tbody',
        {},
        sorted.map((metric) => row(metric, points, decidesAtLnE, candidates.length > 1)),
      ),
    ),
  );
}

function row(metric, points, decidesAtLnE, namesCandidate) {
  const { control, candidate } = metric.estimate;
  const margin = marginOnScale(metric);
  return h(
    'tr',
    { class: metric.verdict },
    h(
      'th',
      { scope: 'row' },
      metric.metric,
      namesCandidate ? h('span', { class: 'small' }, metric.candidate) : null,
      h('span', { class: 'small' }, `${metric.role} · ${metric.direction} is better`),
    ),
    h(
      'td',
      { class: 'figure' },
      estimate(control, metric),
      h('span', { class: 'small' }, `${count(metric.n.control.units)} units`),
    ),
    h(
      'td',
      { class: 'figure' },
      estimate(candidate, metric),
      h('span', { class: 'small' }, `${count(metric.n.candidate.units)} units`),
    ),
    h(
      'td',
      {},
      intervalBar(metric) ?? h('span', { class: 'small' }, 'not enough data for an interval'),
      h(
        'span',
        { class: 'small' },
        metric.estimate.effect === null ? '' : `${effect(metric.estimate.effect, metric)} · `,
        metric.interval ? `${effect(metric.interval.low, metric)} … ${effect(metric.interval.high, metric)} · ` : '',
        margin === null ? 'margin not known yet' : `margin ${effect(margin, metric)}`,
      ),
    ),
    h(
      'td',
      {},
      evidenceChart(metric, points, decidesAtLnE),
      metric.lnE
        ? h(
            'span',
            { class: 'small' },
            h('span', { class: 'harm-text' }, `harm ${number(metric.lnE.harmful)}`),
            ' · ',
            h('span', { class: 'safe-text' }, `safe ${number(metric.lnE.nonInferior)}`),
          )
        : h('span', { class: 'small' }, '–'),
    ),
    h('td', {}, badge(verdicts[metric.verdict]), h('span', { class: 'small' }, reasonText(metric.reason))),
  );
}

function legend() {
  return 'Intervals hold at any time, however often they are looked at. Thin line: no difference. Dashed line: the margin; the shaded side is worse than it.';
}
