import { svg } from './dom.js';
import { gain as gainText } from './format.js';

const WIDTH = 480;
const HEIGHT = 340;
const LEFT = 68;
const RIGHT = 24;
const TOP = 14;
const BOTTOM = 48;
const CAP = 4;

/** Two objectives as a plane: control at the origin, a mark per variant, its intervals as a cross, the front as a dashed line. */
export function paretoChart([first, second], points) {
  const known = points.filter(({ gains }) => gains.every(({ estimate }) => estimate !== null));
  const across = axis(known.map(({ gains }) => gains[0]));
  const up = axis(known.map(({ gains }) => gains[1]));
  const x = (gain) => LEFT + across.part(gain) * (WIDTH - LEFT - RIGHT);
  const y = (gain) => HEIGHT - BOTTOM - up.part(gain) * (HEIGHT - TOP - BOTTOM);
  const placed = known.map((point) => ({ ...point, x: x(point.gains[0].estimate), y: y(point.gains[1].estimate) }));
  return svg(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: 'pareto',
      role: 'img',
      'aria-label': describe(first, second, points),
    },
    across.ticks
      .map((gain) => [
        svg('line', { x1: x(gain), x2: x(gain), y1: TOP, y2: HEIGHT - BOTTOM, class: gain === 0 ? 'zero' : 'grid' }),
        svg('text', { x: x(gain), y: HEIGHT - BOTTOM + 16, 'text-anchor': 'middle' }, gainText(gain, across.isPoints)),
      ])
      .flat(),
    up.ticks
      .map((gain) => [
        svg('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(gain), y2: y(gain), class: gain === 0 ? 'zero' : 'grid' }),
        svg('text', { x: LEFT - 8, y: y(gain) + 4, 'text-anchor': 'end' }, gainText(gain, up.isPoints)),
      ])
      .flat(),
    svg('text', { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, class: 'axis' }, `gain in ${first} →`),
    svg('text', { ...turned(14, (TOP + HEIGHT - BOTTOM) / 2), class: 'axis' }, `gain in ${second} →`),
    frontLine(placed),
    placed.filter(({ isControl }) => !isControl).flatMap((point) => cross(point, x, y, across, up)),
    placed.map(mark),
    labels(placed),
  );
}

function told({ estimate, isPoints = false }) {
  return gainText(estimate, isPoints);
}

/** From the least to the largest gain that is shown, 0 included. Estimates always fit; intervals may end beyond their spread. */
function axis(gains) {
  const estimates = [0, ...gains.map(({ estimate }) => estimate)];
  const ends = gains.flatMap(({ interval }) => (interval === null ? [] : [interval.low, interval.high]));
  const [least, most] = [Math.min(...estimates), Math.max(...estimates)];
  const spread = most - least || 0.01;
  const low = Math.max(Math.min(least, ...ends), least - spread);
  const high = Math.min(Math.max(most, ...ends), most + spread);
  const pad = (high - low || spread) * 0.1;
  const [from, to] = [low - pad, high + pad];
  const part = (gain) => (Math.min(to, Math.max(from, gain)) - from) / (to - from);
  const isPoints = gains.some((gain) => gain.isPoints === true);
  return { part, shows: (gain) => gain >= from && gain <= to, ticks: ticksBetween(from, to), isPoints };
}

/** Round gains (1, 2 or 5 times a power of ten), at most six of them; 0 is one. */
function ticksBetween(from, to) {
  const least = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= least);
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, index) => (first + index) * step);
}

function cross({ gains: [right, top], x: atX, y: atY }, x, y, across, up) {
  const lines = [];
  if (right.interval !== null) {
    const { low, high } = right.interval;
    lines.push(svg('line', { x1: x(low), x2: x(high), y1: atY, y2: atY, class: 'range' }));
    for (const end of [low, high].filter(across.shows))
      lines.push(svg('line', { x1: x(end), x2: x(end), y1: atY - CAP, y2: atY + CAP, class: 'range' }));
  }
  if (top.interval !== null) {
    const { low, high } = top.interval;
    lines.push(svg('line', { x1: atX, x2: atX, y1: y(low), y2: y(high), class: 'range' }));
    for (const end of [low, high].filter(up.shows))
      lines.push(svg('line', { x1: atX - CAP, x2: atX + CAP, y1: y(end), y2: y(end), class: 'range' }));
  }
  return lines;
}

/** Everything left of and below the line is dominated by a variant on it. */
function frontLine(placed) {
  const front = placed.filter(({ place }) => place.kind === 'front').sort((a, b) => a.x - b.x || a.y - b.y);
  if (front.length === 0) return null;
  const steps = front.map(({ x, y }) => `V ${y} H ${x}`).join(' ');
  return svg('path', { d: `M ${LEFT} ${front[0].y} ${steps} V ${HEIGHT - BOTTOM}`, class: 'front-line' });
}

/** Control is a square, candidates are circles; filled is on the front. */
function mark({ variant, isControl, place, x, y, gains: [right, top] }) {
  const words = svg('title', {}, `${variant}: ${told(right)}, ${told(top)}, ${place.word}`);
  const tone = `point ${place.kind}`;
  return isControl
    ? svg('rect', { x: x - 5, y: y - 5, width: 10, height: 10, class: tone }, words)
    : svg('circle', { cx: x, cy: y, r: 5.5, class: tone }, words);
}

/** Each beside its mark, on the first side that is inside the view and hides neither a mark nor another label. */
function labels(placed) {
  const taken = placed.map(({ x, y }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  return placed.map(({ variant, place, x, y }) => {
    const words = place.kind === 'front' ? `${variant} ★` : place.kind === 'beaten' ? `${variant} ✕` : variant;
    const width = words.length * 7.2;
    const sides = [-1, 1].flatMap((down) => [1, -1].map((right) => ({ right, baseline: y + (down < 0 ? -10 : 19) })));
    const boxOf = ({ right, baseline }) => {
      const left = right > 0 ? x + 9 : x - 9 - width;
      return { left, right: left + width, top: baseline - 11, bottom: baseline + 3 };
    };
    const side = sides.find((one) => isInside(boxOf(one)) && !taken.some((other) => overlap(boxOf(one), other)));
    const box = boxOf(side ?? sides[0]);
    taken.push(box);
    return svg('text', { x: box.left, y: (side ?? sides[0]).baseline, class: 'name' }, words);
  });
}

function isInside({ left, right, top, bottom }) {
  return left >= LEFT && right <= WIDTH && top >= 0 && bottom <= HEIGHT - BOTTOM;
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function turned(x, y) {
  return { x, y, transform: `rotate(-90 ${x} ${y})` };
}

function describe(first, second, points) {
  const said = points.map(
    ({ variant, gains: [right, top], place }) =>
      `${variant}: ${first} ${told(right)}, ${second} ${told(top)}, ${place.word}`,
  );
  return `Gain in ${first} against gain in ${second}. ${said.join('; ')}`;
}
