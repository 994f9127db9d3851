import { badge } from './badge.js';
import { h } from './dom.js';
import { clock, number } from './format.js';
import { showPicture } from './session.js';
import { pictureMarks, scoreOutcomes } from './words.js';

/** Control and candidates side by side: the pictures that fit their prompts worst, each beside its prompt, then what was delivered last. */
export function pictureWall({ variants, wrongBelow }) {
  if (variants.every(({ latest }) => latest.length === 0)) {
    return h('p', { class: 'empty' }, 'No pictures yet.');
  }
  const sorted = [...variants].sort((a, b) => (a.role === b.role ? 0 : a.role === 'control' ? -1 : 1));
  const wrongOf = (role) => (picture) =>
    role === 'candidate' &&
    wrongBelow !== null &&
    picture.score?.alignment != null &&
    picture.score.alignment < wrongBelow;
  return [
    h('h3', {}, 'Worst fit to the prompt'),
    h('p', { class: 'small' }, wrongText(wrongBelow)),
    wall(sorted, 'worstAligned', (pictures, role) =>
      h('div', { class: 'cases' }, pictures.map(besidePrompt(wrongOf(role)))),
    ),
    h('h3', {}, 'Latest'),
    wall(sorted, 'latest', (pictures, role) =>
      h('div', { class: 'pictures' }, pictures.map(abovePrompt(wrongOf(role)))),
    ),
  ];
}

function wrongText(wrongBelow) {
  return wrongBelow === null
    ? 'Lowest alignment first. Control has too few scored pictures to say which ones are wrong.'
    : `Lowest alignment first. Wrong: a candidate’s picture fits worse than all but one in fifty of control’s recent ones (alignment below ${number(wrongBelow)}).`;
}

function wall(variants, which, show) {
  return h(
    'div',
    { class: 'wall' },
    variants.map(({ variant, role, [which]: pictures }) =>
      h(
        'section',
        { class: `variant ${role}`, 'aria-label': variant },
        h('h4', {}, variant, variant === role ? null : h('span', { class: 'small inline' }, ` ${role}`)),
        pictures.length === 0 ? h('p', { class: 'empty' }, 'None yet.') : show(pictures, role),
      ),
    ),
  );
}

function besidePrompt(isWrong) {
  return (picture) =>
    h(
      'figure',
      { class: isWrong(picture) ? 'case wrong' : 'case' },
      pictureOf(picture),
      h(
        'figcaption',
        {},
        mark(picture, isWrong),
        h('span', { class: 'prompt whole' }, picture.prompt),
        scoreLine(picture),
      ),
    );
}

function abovePrompt(isWrong) {
  return (picture) =>
    h(
      'figure',
      { class: isWrong(picture) ? 'wrong' : null },
      pictureOf(picture),
      h(
        'figcaption',
        {},
        mark(picture, isWrong),
        h('span', { class: 'prompt', title: picture.prompt }, picture.prompt),
        scoreLine(picture),
      ),
    );
}

function mark(picture, isWrong) {
  if (picture.score?.blank) return badge(pictureMarks.blank);
  return isWrong(picture) ? badge(pictureMarks.wrong) : null;
}

/** A picture of the server, or a place that says that it is not there. */
export function pictureOf({ prompt, href, width, height }) {
  const shown = h('img', {
    alt: prompt,
    width,
    height,
    loading: 'lazy',
    decoding: 'async',
    onerror: () => shown.replaceWith(placeholder({ prompt })),
  });
  void showPicture(shown, href);
  return shown;
}

/** The file may have been tidied away, or lie where this server may not look. */
function placeholder({ prompt }) {
  return h(
    'div',
    { class: 'no-picture', role: 'img', 'aria-label': `Picture not available: ${prompt}` },
    'not available',
  );
}

function scoreLine({ score: given, completedAt }) {
  return h('span', { class: 'small', title: given?.reason }, `${scoreText(given)} · ${clock(completedAt)}`);
}

function scoreText(given) {
  if (given === null) return 'not scored yet';
  if (given.outcome !== 'scored') return `no score: ${scoreOutcomes[given.outcome] ?? given.outcome}`;
  const heads = Object.entries(given.quality).map(([head, value]) => `${head} ${number(value, 2)}`);
  return [`alignment ${number(given.alignment)}`, ...heads].join(' · ');
}
