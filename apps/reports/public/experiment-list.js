import { badge } from './badge.js';
import { h, renderWhenChanged } from './dom.js';
import { clock, share } from './format.js';
import { ask, problemOf } from './session.js';
import { NO_TOKEN, phases, whereOf } from './words.js';

/** Every experiment, looked at once a second. */
export function showExperimentList(content, connection) {
  document.title = 'Teststrip';
  content.replaceChildren(h('h1', {}, 'Experiments'));
  const place = content.appendChild(h('div', {}, h('p', { class: 'empty' }, 'Loading …')));
  const look = async () => {
    try {
      const answer = await ask('/api/experiments');
      if (!answer.ok) throw new Error(answer.status === 401 ? NO_TOKEN : await problemOf(answer));
      const { experiments } = await answer.json();
      renderWhenChanged(place, experiments, list);
      connection.live();
    } catch (error) {
      connection.lost(error.message);
    }
    setTimeout(look, 1_000);
  };
  void look();
}

function list(experiments) {
  if (experiments.length === 0) {
    return h('p', { class: 'empty' }, 'No experiment has been defined yet. They appear here as soon as one is.');
  }
  return h('ul', { class: 'cards' }, experiments.map(card));
}

function card(listing) {
  const { experiment, revision, kind, phase, weightsPpm, lastDecision, definedAt } = listing;
  const weights = Object.entries(weightsPpm).map(([variant, ppm]) => `${variant} ${share(ppm)}`);
  return h(
    'li',
    {},
    h(
      'a',
      { href: `/experiments/${encodeURIComponent(experiment)}` },
      h('div', { class: 'title' }, h('h2', {}, experiment), badge(phases[phase])),
      h('p', { class: 'small' }, `${kind} on ${whereOf(listing)} · revision ${revision} · since ${clock(definedAt)}`),
      h('p', {}, weights.length === 0 ? 'not started' : weights.join(' · ')),
      h(
        'p',
        { class: 'small' },
        lastDecision ? `${clock(lastDecision.at)} ${lastDecision.message}` : 'nothing decided yet',
      ),
    ),
  );
}
