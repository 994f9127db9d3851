import { badge } from './badge.js';
import { h } from './dom.js';
import { clock, count, duration, number, share } from './format.js';
import { commandBadge, commandReasons } from './words.js';

/** What was decided and why, newest first. */
export function decisionList({ decisions }) {
  if (decisions.length === 0) return h('p', { class: 'empty' }, 'Nothing has been decided yet.');
  return h('ol', { class: 'decisions', reversed: '' }, decisions.toReversed().map(decisionItem));
}

function decisionItem(decision) {
  return h(
    'li',
    {},
    h(
      'div',
      { class: 'decision-head' },
      h('time', { datetime: decision.commandedAt }, clock(decision.commandedAt)),
      badge(commandBadge(decision)),
      h('span', { class: 'small inline' }, weights(decision.weightsPpm)),
    ),
    h('p', {}, decision.message),
    h('p', { class: 'small' }, [...because(decision), ...obeyed(decision.applied)].join(' · ')),
  );
}

function because({ reason, actor, epoch, evidence }) {
  const said = [commandReasons[reason], `by ${actor}`, `epoch ${epoch}`];
  if (evidence === null) return said;
  if (evidence.metric !== null) said.push(`${evidence.metric}, ln E ${number(evidence.lnE)}`);
  said.push(`after ${count(evidence.units)} ${evidence.pairs === undefined ? 'units' : 'pairs'}`);
  return said;
}

function obeyed(applications) {
  if (applications.length === 0) return ['no router has answered yet'];
  return applications.map(({ router, outcome, reason, commandedToAppliedMs, detectionToAppliedMs }) => {
    if (outcome === 'refused') return `${router} refused: ${reason}`;
    const detection =
      detectionToAppliedMs === null ? '' : `, ${duration(detectionToAppliedMs)} after the deciding event`;
    return `${router} obeyed after ${duration(commandedToAppliedMs)}${detection}`;
  });
}

function weights(weightsPpm) {
  return Object.entries(weightsPpm)
    .map(([variant, ppm]) => `${variant} ${share(ppm)}`)
    .join(' · ');
}
