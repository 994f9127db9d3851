import { h } from './dom.js';

/** A sign and a word in a tone: never told by colour alone. */
export function badge({ sign, word, tone }) {
  return h('span', { class: `badge ${tone}` }, h('span', { 'aria-hidden': 'true' }, sign), ` ${word}`);
}
