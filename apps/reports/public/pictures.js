import { h } from './dom.js';
import { clock, number } from './format.js';

/** Control and candidates side by side: what was delivered last, and what the candidates got most wrong. */
export function pictureWall({ variants }) {
  if (variants.every(({ latest }) => latest.length === 0)) {
    return h('p', { class: 'empty' }, 'No pictures yet.');
  }
  const sorted = [...variants].sort((a, b) => (a.role === b.role ? 0 : a.role === 'control' ? -1 : 1));
  return [
    h('h3', {}, 'Latest'),
    h(
      'div',
      { class: 'wall' },
      sorted.map((variant) => column(variant, variant.latest)),
    ),
    h('h3', {}, 'Worst aligned with their prompts'),
    h(
      'div',
      { class: 'wall' },
      sorted.map((variant) => column(variant, variant.worstAligned)),
    ),
  ];
}

function column({ variant, role }, pictures) {
  return h(
    'section',
    { class: `variant ${role}`, 'aria-label': variant },
    h('h4', {}, variant, variant === role ? null : h('span', { class: 'small inline' }, ` ${role}`)),
    pictures.length === 0
      ? h('p', { class: 'empty' }, 'none yet')
      : h('div', { class: 'pictures' }, pictures.map(figure)),
  );
}

function figure(picture) {
  const image = h('img', {
    src: picture.href,
    alt: picture.prompt,
    width: picture.width,
    height: picture.height,
    loading: 'lazy',
    decoding: 'async',
    onerror: () => image.replaceWith(h('div', { class: 'no-picture' }, 'can’t be shown')),
  });
  return h(
    'figure',
    {},
    image,
    h(
      'figcaption',
      {},
      h('span', { class: 'prompt', title: picture.prompt }, picture.prompt),
      h('span', { class: 'small' }, `${scoreText(picture.score)} · ${clock(picture.completedAt)}`),
    ),
  );
}

function scoreText(score) {
  if (score === null) return 'not scored yet';
  if (score.outcome !== 'scored') return `no score: ${score.reason ?? score.outcome}`;
  const heads = Object.entries(score.quality).map(([head, value]) => `${head} ${number(value, 2)}`);
  return [`alignment ${number(score.alignment)}`, ...heads, ...(score.blank ? ['blank'] : [])].join(' · ');
}
