import { h } from './dom.js';
import { count, onWrittenScale, share } from './format.js';
import { metricRows } from './metric-table.js';

const OVER = 'It is over; pairs that came after the decision are counted here and did not decide.';

/** What copies of requests say of each candidate, whose answers nobody sees. */
export function shadowView({ shadow, decidesAtLnE, guardrails, candidates: names, ending }) {
  const { candidates, pairsWanted, ratePpm, isUnderWay, isAll } = shadow;
  const what = `Copies of ${share(ratePpm)} of control’s requests, with the same prompt and seed; nobody ${isUnderWay ? 'sees' : 'saw'} the answers.`;
  const then = isAll ? 'The verdict of the pairs is the end.' : 'Then the ramp begins, at the share that they allow.';
  return [
    h('p', { class: 'small' }, `${what} ${isUnderWay ? then : OVER}`),
    ...(candidates.length === 0 ? [h('p', { class: 'empty' }, `0 of ${count(pairsWanted)} pairs.`)] : []),
    ...candidates.flatMap((of) => [
      h('p', { class: 'verdict' }, progress(of, pairsWanted, names.length > 1)),
      h('p', { class: 'small' }, sentences(of).join(' ')),
      metricRows({
        label: 'Metrics by pairs',
        rows: onWrittenScale(of.metrics, guardrails),
        caption: 'Every figure is of complete pairs: both variants were given the same request.',
        decidesAtLnE,
        namesCandidate: names.length > 1,
        ending: ending?.evidence?.pairs === undefined ? undefined : ending,
        isPaired: true,
        isOver: !isUnderWay,
      }),
    ]),
  ];
}

function progress({ candidate, n }, wanted, namesCandidate) {
  return `${namesCandidate ? `${candidate}: ` : ''}${count(n)} of ${count(wanted)} pairs`;
}

function verdict({ allowsPpm, firstStage, hardest, metrics }) {
  const harmful = metrics.filter((metric) => metric.verdict === 'harmful');
  if (harmful.length > 0) return `They prove harm: ${harmful.map(({ metric }) => metric).join(', ')}.`;
  const least = hardest === null ? '' : `; ${hardest} allows least`;
  if (allowsPpm === 0) return `They prove nothing yet${least}.`;
  return `They allow ${share(allowsPpm)} of the traffic${least}; the ramp may begin at ${share(firstStage.sharePpm)}.`;
}

function sentences(of) {
  const { pixels, halves, withdrawn, repeated } = of;
  const said = [verdict(of)];
  if (pixels.share !== null)
    said.push(`${share(pixels.share * 1e6)} of ${count(pixels.compared)} pairs of pictures are equal in every pixel.`);
  const lost = [
    [halves.control, 'copies never ended'],
    [halves.candidate, 'have no original'],
    [withdrawn, 'were given up'],
    [repeated, 'repeat a prompt of the same user'],
  ].filter(([pairs]) => pairs > 0);
  if (lost.length > 0) said.push(`No pairs: ${lost.map(([pairs, why]) => `${count(pairs)} ${why}`).join(', ')}.`);
  return said;
}
