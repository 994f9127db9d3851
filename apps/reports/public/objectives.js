import { badge } from './badge.js';
import { h, svg } from './dom.js';
import { intervalBar } from './interval-bar.js';
import { utilityVerdicts } from './words.js';

const SIDE = 320;
const PAD = 38;

/** What an ab test is for: utility over control per candidate, the gains it is made of, and who is beaten by whom. */
export function objectivesView({ objectives, control }) {
  const { rope, candidates } = objectives;
  return [
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Candidate', 'Utility over control', 'Gains', 'Verdict'].map((title) => h('th', {}, title)),
        ),
      ),
      h(
        'tbody',
        {},
        candidates.map((candidate) => candidateRow(candidate, rope)),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      `Gains are shares of ${control}'s value, positive is better; less than ±${percent(rope)} matters to nobody (dashed: a loss that does).`,
    ),
    h('h3', {}, 'Pareto view'),
    candidates[0]?.gains.length === 2 ? scatter(objectives, control) : null,
    paretoList(objectives),
  ];
}

function candidateRow({ candidate, utility, gains }, rope) {
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, candidate),
    h('td', {}, intervalBar(asMetric(utility, rope)), h('small', {}, withInterval(utility))),
    h(
      'td',
      {},
      gains.map((gain) =>
        h('div', {}, `${gain.metric} ${withInterval(gain)}`, h('small', {}, ` weight ${gain.weight}`)),
      ),
    ),
    h('td', {}, badge(utilityVerdicts[utility.verdict]), h('div', {}, h('small', {}, utility.reason))),
  );
}

/** The bar that metrics have: an effect of utility whose margin is what matters. */
function asMetric({ estimate, interval, verdict }, rope) {
  const tone = { better: 'superior', worse: 'harmful', 'practically-equal': 'non-inferior' }[verdict] ?? 'undecided';
  return {
    scale: 'relative',
    direction: 'higher',
    unit: '',
    margin: rope,
    verdict: tone,
    estimate: { control: 1, candidate: null, effect: estimate },
    interval,
  };
}

/** Two objectives as a plane: control at the origin, better is up and to the right, a cross per candidate as long as its intervals. */
function scatter({ candidates, pareto }, control) {
  const [first, second] = candidates[0].gains.map(({ metric }) => metric);
  const known = candidates.filter(({ gains }) => gains.every(({ estimate }) => estimate !== null));
  const reach = reachOf(known);
  const at = (gain) => PAD + ((Math.min(reach, Math.max(-reach, gain)) + reach) / (2 * reach)) * (SIDE - 2 * PAD);
  const x = at;
  const y = (gain) => SIDE - at(gain);
  const onFront = new Set(pareto.filter((place) => place.onFront).map(({ variant }) => variant));
  const mark = (name, gainX, gainY) => [
    svg('circle', { cx: x(gainX), cy: y(gainY), r: 5, class: onFront.has(name) ? 'point front' : 'point' }),
    svg('text', { x: x(gainX) + 8, y: y(gainY) - 7 }, onFront.has(name) ? `${name} ★` : name),
  ];
  const spoken = known.map(
    ({ candidate, gains }) =>
      `${candidate}: ${gains.map(({ metric, estimate }) => `${metric} ${signed(estimate)}`).join(', ')}`,
  );
  return svg(
    'svg',
    {
      viewBox: `0 0 ${SIDE} ${SIDE}`,
      class: 'pareto',
      role: 'img',
      'aria-label': `Gain of ${first} against gain of ${second}. ${spoken.join('; ')}`,
    },
    svg('line', { x1: PAD, x2: SIDE - PAD, y1: y(0), y2: y(0), class: 'zero' }),
    svg('line', { x1: x(0), x2: x(0), y1: PAD, y2: SIDE - PAD, class: 'zero' }),
    known.flatMap(({ candidate, gains: [right, up] }) => [
      right.interval &&
        svg('line', {
          x1: x(right.interval.low),
          x2: x(right.interval.high),
          y1: y(up.estimate),
          y2: y(up.estimate),
          class: 'range',
        }),
      up.interval &&
        svg('line', {
          x1: x(right.estimate),
          x2: x(right.estimate),
          y1: y(up.interval.low),
          y2: y(up.interval.high),
          class: 'range',
        }),
      ...mark(candidate, right.estimate, up.estimate),
    ]),
    mark(control, 0, 0),
    svg('text', { x: SIDE / 2, y: SIDE - 8, class: 'axis' }, `gain of ${first} (± ${percent(reach)})`),
    svg('text', { x: 12, y: SIDE / 2, class: 'axis', transform: `rotate(-90 12 ${SIDE / 2})` }, `gain of ${second}`),
  );
}

/** Estimates always fit; intervals may go on beyond twice the farthest of them. */
function reachOf(candidates) {
  const sizes = (of) => candidates.flatMap(({ gains }) => gains.flatMap(of).map(Math.abs));
  const farthest = Math.max(0.01, ...sizes(({ estimate }) => [estimate]));
  const widest = Math.max(0, ...sizes(({ interval }) => (interval ? [interval.low, interval.high] : [])));
  return 1.15 * Math.max(farthest, Math.min(widest, 2 * farthest));
}

function paretoList({ pareto }) {
  return h(
    'ul',
    { class: 'pareto-list' },
    pareto.map(({ variant, onFront, surelyDominatedBy }) =>
      h('li', {}, h('strong', {}, variant), ` ${placeOf(onFront, surelyDominatedBy)}`),
    ),
  );
}

function placeOf(onFront, surelyDominatedBy) {
  if (surelyDominatedBy.length > 0)
    return `is worse than ${surelyDominatedBy.join(' and ')} on every objective: proven`;
  return onFront
    ? '★ is on the front: nobody is estimated better on one objective without being worse on another'
    : 'is estimated to be dominated';
}

function withInterval({ estimate, interval, missing }) {
  if (estimate === null) return `– (${missing ?? 'no-data'})`;
  return interval ? `${signed(estimate)} (${signed(interval.low)} … ${signed(interval.high)})` : signed(estimate);
}

function signed(gain) {
  return `${gain > 0 ? '+' : gain < 0 ? '−' : ''}${percent(Math.abs(gain))}`;
}

function percent(share) {
  return `${Number((share * 100).toPrecision(3))} %`;
}
