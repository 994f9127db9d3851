import { badge } from './badge.js';
import { h } from './dom.js';
import { gain as gainText } from './format.js';
import { gainBar, reachOfGains } from './interval-bar.js';
import { paretoView } from './pareto.js';
import { reasonText, utilityVerdicts } from './words.js';

/** What the experiment aims at: the candidates' utilities, the gains they are made of, and who is beaten by whom. */
export function objectivesView({ objectives, control }) {
  return [
    utilityTable(objectives, control),
    h('h3', {}, 'Pareto view: the objectives unweighed'),
    ...paretoView(objectives, control),
  ];
}

/** Utilities are drawn on one scale, gains on another: a gain is often many times what matters. */
function utilityTable({ rope, candidates }, control) {
  const utilityReach = reachOfGains(
    candidates.map(({ utility }) => utility),
    rope,
  );
  const gainReach = reachOfGains(candidates.flatMap(({ gains }) => gains));
  const heads = ['Candidate', 'Objective', 'Weight', `Gain over ${control} with interval`, 'Verdict'];
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Objectives' },
    h(
      'table',
      { class: 'utilities' },
      h('caption', {}, legend(rope, control)),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((head) => h('th', { scope: 'col' }, head)),
        ),
      ),
      candidates.map((candidate) => candidateRows(candidate, rope, utilityReach, gainReach)),
    ),
  );
}

function candidateRows({ candidate, utility, gains }, rope, utilityReach, gainReach) {
  const total = gains.reduce((sum, { weight }) => sum + weight, 0);
  return h(
    'tbody',
    {},
    h(
      'tr',
      { class: 'utility' },
      h('th', { scope: 'rowgroup', rowspan: gains.length + 1 }, candidate),
      h('th', { scope: 'row' }, 'Utility', h('span', { class: 'small' }, 'weighted mean')),
      h('td', {}, ''),
      h(
        'td',
        {},
        barWithText(
          { ...utility, isPoints: gains.every((gain) => gain.isPoints === true) },
          { name: `utility of ${candidate}`, reach: utilityReach, rope },
        ),
      ),
      h('td', {}, badge(utilityVerdicts[utility.verdict]), h('span', { class: 'small' }, reasonText(utility.reason))),
    ),
    gains.map((gain) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, gain.metric),
        h('td', { class: 'figure' }, String(gain.weight), h('span', { class: 'small' }, partOf(gain.weight, total))),
        h('td', {}, barWithText(gain, { name: `gain of ${candidate} in ${gain.metric}`, reach: gainReach })),
        h('td', {}, h('span', { class: 'small' }, gainNote(gain))),
      ),
    ),
  );
}

function barWithText(reading, drawing) {
  const { estimate, interval, isPoints = false } = reading;
  const said = (value) => gainText(value, isPoints);
  const range = interval === null ? 'no interval yet' : `${said(interval.low)} … ${said(interval.high)}`;
  return [
    gainBar(reading, drawing),
    h('span', { class: 'small' }, estimate === null ? 'not known yet' : `${said(estimate)} · ${range}`),
  ];
}

function gainNote({ missing, isPoints }) {
  if (missing !== null) return reasonText(missing);
  return isPoints ? 'in percentage points: control’s value is 0' : '';
}

function partOf(weight, total) {
  return total > 0 ? `${Math.round((weight / total) * 100)} % of all` : null;
}

function legend(rope, control) {
  return `Gains are shares of ${control}’s value, positive is better. Shaded: utilities within ±${gainText(rope).replace('+', '')} of ${control}’s are practically equal to it. All intervals hold together, at any time.`;
}
