import { svg } from './dom.js';
import { effect, gain, marginOnScale } from './format.js';

const WIDTH = 220;
const HEIGHT = 34;
const PAD = 8;

/**
 * The effect with its interval. Zero is the thin line, the margin the dashed one; the shaded side is worse than the margin.
 * @param marginInWords the margin as it is written beside, for those who hear the bar.
 */
export function intervalBar(metric, marginInWords) {
  const margin = marginOnScale(metric);
  const { interval } = metric;
  const value = metric.estimate.effect;
  if (value === null && interval === null) return null;
  const ground = (x) =>
    margin === null
      ? []
      : [worseSide(margin, x), svg('line', { x1: x(margin), x2: x(margin), y1: 1, y2: HEIGHT - 1, class: 'margin' })];
  const label = describe(metric, marginInWords);
  return bar({ value, interval, reach: reachOf(margin, value, interval), tone: metric.verdict, label, ground });
}

/**
 * A gain or a utility with its interval; null before there is an estimate. Zero is control; the shaded region, where `rope` is given, is
 * practically equal to it.
 */
export function gainBar({ estimate, interval, verdict, isPoints = false }, { name, reach, rope = null }) {
  if (estimate === null) return null;
  const said = [`${name} ${gain(estimate, isPoints)}`];
  if (interval !== null) said.push(`interval ${gain(interval.low, isPoints)} to ${gain(interval.high, isPoints)}`);
  if (rope !== null) said.push(`practically equal from ${gain(-rope)} to ${gain(rope)}`);
  const tone = { better: 'superior', worse: 'harmful' }[verdict] ?? '';
  const ground = (x) =>
    rope === null ? [] : [svg('rect', { x: x(-rope), y: 0, width: x(rope) - x(-rope), height: HEIGHT, class: 'rope' })];
  return bar({ value: estimate, interval, reach, tone, label: said.join(', '), ground });
}

/** One reach for all of them, so the eye compares rows. An interval much wider than what else is to be seen leaves the view. */
export function reachOfGains(readings, rope = 0) {
  const known = readings.filter(({ estimate }) => estimate !== null);
  const seen = Math.max(rope * 2.5, ...known.map(({ estimate }) => Math.abs(estimate) * 1.3));
  const ends = known.flatMap(({ interval }) => (interval === null ? [] : [interval.low, interval.high]));
  return Math.max(seen, Math.min(3 * seen, Math.max(0, ...ends.map(Math.abs)) * 1.05)) || 0.01;
}

function bar({ value, interval, reach, tone, label, ground }) {
  const clamp = (at) => Math.min(reach, Math.max(-reach, at));
  const x = (at) => PAD + ((clamp(at) + reach) / (2 * reach)) * (WIDTH - 2 * PAD);
  const middle = HEIGHT / 2;
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: `interval ${tone}`, role: 'img', 'aria-label': label },
    ground(x),
    svg('line', { x1: x(0), x2: x(0), y1: 3, y2: HEIGHT - 3, class: 'zero' }),
    interval === null
      ? null
      : [
          svg('line', { x1: x(interval.low), x2: x(interval.high), y1: middle, y2: middle, class: 'range' }),
          end(x(interval.low), middle, interval.low < -reach ? -1 : 0),
          end(x(interval.high), middle, interval.high > reach ? 1 : 0),
        ],
    value === null ? null : svg('circle', { cx: x(value), cy: middle, r: 4.5, class: 'estimate' }),
  );
}

/** The margin stays at the same place whatever the data do, so the eye compares rows; a far estimate widens the view. */
function reachOf(margin, value, interval) {
  if (margin === null && interval !== null) return Math.max(Math.abs(interval.low), Math.abs(interval.high)) * 1.1 || 1;
  const byMargin = margin === null ? 0 : Math.abs(margin) * 2.5;
  const byValue = value === null ? 0 : Math.abs(value) * 1.3;
  return Math.max(byMargin, byValue) || 1;
}

function worseSide(margin, x) {
  const at = x(margin);
  const [from, to] = margin < 0 ? [0, at] : [at, WIDTH];
  return svg('rect', { x: from, y: 0, width: Math.max(0, to - from), height: HEIGHT, class: 'worse' });
}

/** A bar where the interval ends; an arrow where it goes on beyond the view. */
function end(at, middle, beyond) {
  if (beyond === 0) return svg('line', { x1: at, x2: at, y1: middle - 5, y2: middle + 5, class: 'range' });
  const tip = at + beyond * 6;
  return svg('path', { d: `M ${tip} ${middle} l ${-beyond * 7} -5 v 10 z`, class: 'arrow' });
}

function describe(metric, marginInWords) {
  const parts = [`effect ${effect(metric.estimate.effect, metric)}`];
  if (metric.interval)
    parts.push(`interval ${effect(metric.interval.low, metric)} to ${effect(metric.interval.high, metric)}`);
  parts.push(marginInWords);
  return parts.join(', ');
}
