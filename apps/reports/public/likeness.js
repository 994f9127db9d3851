import { h } from './dom.js';
import { number } from './format.js';
import { pictureOf } from './pictures.js';

/** What each candidate paints of the prompts that control painted too: those first whose pictures are least alike. */
export function likenessView({ candidates }) {
  const compared = candidates.filter(({ prompts }) => prompts > 0);
  if (compared.length === 0) {
    return h('p', { class: 'empty' }, 'No prompt yet that control and a candidate have both painted.');
  }
  return compared.flatMap(({ variant, prompts, medianLikeness, leastAlike, mostAlike }) => [
    candidates.length > 1 ? h('h3', {}, variant) : null,
    h(
      'p',
      { class: 'small' },
      `Cosine of the embeddings of control’s and ${variant}’s picture of one prompt, 1 for pictures that the scorer can’t tell apart; median ${number(medianLikeness)} of ${prompts} ${prompts === 1 ? 'prompt' : 'prompts'}.`,
    ),
    h('h4', {}, 'Least alike'),
    pairs(leastAlike, variant),
    h('h4', {}, 'Most alike'),
    pairs(mostAlike, variant),
  ]);
}

function pairs(list, variant) {
  return h(
    'div',
    { class: 'pairs' },
    list.map(({ prompt, likeness, isSameSeed, control, candidate }) =>
      h(
        'figure',
        { class: 'pair' },
        h(
          'div',
          { class: 'pair-pictures' },
          pictureOf({ prompt: `control: ${prompt}`, href: control.href }),
          pictureOf({ prompt: `${variant}: ${prompt}`, href: candidate.href }),
        ),
        h(
          'figcaption',
          {},
          h('span', { class: 'prompt', title: prompt }, prompt),
          h('span', { class: 'small' }, `${number(likeness)}${isSameSeed ? ' · same seed' : ''}`),
        ),
      ),
    ),
  );
}
