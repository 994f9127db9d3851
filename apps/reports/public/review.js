import { h } from './dom.js';
import { Judging } from './judging.js';
import { openDialog } from './dialog.js';
import { ask, mayDo, problemOf } from './session.js';
import { signIn } from './sign-in.js';
import { askedWords, NO_REVIEWER, whereOf } from './words.js';

/** Fewer pairs than this before somebody: more are asked for. */
const FEW = 5;

/** The experiments whose pictures can be judged. */
export async function showReviews(content) {
  document.title = 'Judge pictures – Teststrip';
  content.replaceChildren(h('h1', {}, 'Judge pictures'), h('p', { class: 'empty' }, 'Loading …'));
  const answer = await ask('/api/experiments');
  if (!answer.ok) return content.lastChild.replaceWith(h('p', { role: 'alert' }, await problemOf(answer)));
  const { experiments } = await answer.json();
  content.lastChild.replaceWith(
    experiments.length === 0
      ? h('p', { class: 'empty' }, 'No experiment has been defined yet.')
      : h('ul', { class: 'cards' }, experiments.map(card)),
  );
}

function card(listing) {
  return h(
    'li',
    {},
    h(
      'a',
      { href: `/review/${encodeURIComponent(listing.experiment)}` },
      h('h2', {}, listing.experiment),
      h('p', { class: 'small' }, `${listing.kind} on ${whereOf(listing)}`),
    ),
  );
}

/** Pairs of pictures of one experiment, one after the other; nothing on the page says which variant made which. */
export async function showReview(content, me, experiment) {
  document.title = `Judge pictures of ${experiment} – Teststrip`;
  if (me === null || !mayDo(me, 'reviewer')) return content.replaceChildren(refusal(NO_REVIEWER));
  const rater = me.name ?? (await askName());
  new ReviewView(content, { experiment, rater: me.name === null ? rater : null }).begin();
}

/** Where nobody signs in (`AUTH=off`), people say who they are. */
function askName() {
  const known = sessionStorage.getItem('teststrip-rater');
  if (known !== null) return Promise.resolve(known);
  return new Promise((resolve) => {
    const field = h('input', { id: 'rater', required: true, maxlength: '200' });
    openDialog({
      title: 'Who judges?',
      says: [h('label', { for: 'rater' }, 'Your name'), field],
      action: 'Begin',
      onConfirm: () => {
        sessionStorage.setItem('teststrip-rater', field.value);
        resolve(field.value);
        return null;
      },
    });
  });
}

function refusal(words) {
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    h('h1', {}, 'Judge pictures'),
    h('p', {}, words),
    h('button', { type: 'button', onclick: signIn }, 'Sign in'),
  );
}

class ReviewView {
  judging = new Judging();
  pictures = new Map();
  judgedBefore = 0;
  of = 0;
  asked = null;
  unsent = [];
  isShown = false;
  isComplete = false;

  constructor(content, { experiment, rater }) {
    this.content = content;
    this.address = `/api/experiments/${encodeURIComponent(experiment)}`;
    this.experiment = experiment;
    this.rater = rater;
  }

  async begin() {
    this.layOut();
    document.addEventListener('keydown', (event) => this.onKey(event));
    document.addEventListener('visibilitychange', () => document.hidden && this.send(true));
    addEventListener('pagehide', () => this.send(true));
    setInterval(() => this.send(), 1_000);
    await this.more();
    await this.show();
  }

  layOut() {
    const { places } = this;
    this.content.replaceChildren(
      h(
        'div',
        { class: 'review' },
        h('div', { class: 'review-head' }, h('h1', {}, 'Which picture is better?'), places.progress),
        places.prompt,
        places.pair,
        h('div', { class: 'answers' }, places.buttons),
        places.undo,
        places.note,
      ),
    );
  }

  places = {
    progress: h('p', { class: 'progress', role: 'status' }),
    prompt: h('p', { class: 'review-prompt' }),
    pair: h('div', { class: 'pair' }),
    buttons: [
      this.button('1', 'Picture 1 is better', 'left'),
      this.button('0', 'No difference', 'tie'),
      this.button('2', 'Picture 2 is better', 'right'),
    ],
    undo: h(
      'button',
      { type: 'button', class: 'plain undo', onclick: () => this.undo() },
      h('kbd', {}, 'U'),
      ' Undo the last one',
    ),
    note: h(
      'p',
      { class: 'small' },
      'Both pictures were made for these words, by two versions of the model; sides are drawn at random for every pair. Your last five answers of the last half minute can be undone, then they count.',
    ),
  };

  button(key, words, preferred) {
    return h('button', { type: 'button', onclick: () => this.judge(preferred) }, h('kbd', {}, key), ` ${words}`);
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector('dialog')) return;
    const preferred = { 1: 'left', 2: 'right', 0: 'tie' }[event.key];
    if (preferred !== undefined) this.judge(preferred);
    else if (event.key === 'u' || event.key === 'U') this.undo();
    else return;
    event.preventDefault();
  }

  async judge(preferred) {
    if (!this.isShown) return;
    this.judging.judge(preferred, Date.now());
    void this.send();
    await this.next();
  }

  async undo() {
    if (!this.judging.canUndo) return;
    this.judging.undo();
    await this.show();
  }

  async next() {
    const showing = this.show();
    if (this.judging.waiting.length < FEW && !this.isComplete) await this.more();
    await showing;
    if (!this.isShown) await this.show();
  }

  /** Asks for further pairs. What was judged a moment ago may not be recorded yet: it is known here. */
  async more() {
    const named = this.rater === null ? '' : `&rater=${encodeURIComponent(this.rater)}`;
    const answer = await ask(`${this.address}/review?limit=20${named}`).catch(() => null);
    if (!answer?.ok) return this.say(answer === null ? 'The server does not answer.' : await problemOf(answer));
    const { judged, of, asked, pairs } = await answer.json();
    if (this.of === 0) this.judgedBefore = judged;
    this.of = Math.max(this.of, of);
    this.asked = asked;
    const known = this.judging.waiting.length;
    this.judging.add(pairs);
    this.isComplete = this.judging.waiting.length === known;
  }

  /** The pair in turn, once both its pictures are there: when each came must not tell whose it is. */
  async show() {
    this.isShown = false;
    const pair = this.judging.current;
    this.draw(pair);
    if (pair === undefined) return;
    try {
      const pictures = await this.load(pair);
      if (this.judging.current !== pair) return;
      this.places.pair.replaceChildren(...pictures.map(framed));
      this.isShown = true;
      this.draw(pair);
    } catch {
      if (this.judging.current !== pair) return;
      this.judging.skip();
      await this.next();
      return;
    }
    const following = this.judging.waiting[1];
    if (following !== undefined) this.load(following).catch(() => undefined);
  }

  load(pair) {
    const known = this.pictures.get(pair.id);
    if (known !== undefined) return known;
    const loading = Promise.all([pair.left, pair.right].map(loadPicture));
    this.pictures.set(pair.id, loading);
    // The latest are enough for undoing.
    if (this.pictures.size > 10) this.pictures.delete(this.pictures.keys().next().value);
    return loading;
  }

  draw(pair) {
    const { places, judging, isShown } = this;
    const done = this.judgedBefore + judging.judged;
    places.progress.replaceChildren(
      h('progress', { value: String(done), max: String(Math.max(1, this.of, done)), 'aria-hidden': 'true' }),
      ` ${done} of ${Math.max(this.of, done)} pairs`,
      this.asked === null ? null : h('span', { class: 'small' }, askedWords(this.asked)),
    );
    for (const button of places.buttons) button.disabled = !isShown;
    places.undo.disabled = !judging.canUndo;
    places.prompt.textContent = pair === undefined ? '' : `“${pair.prompt}”`;
    if (pair === undefined)
      places.pair.replaceChildren(
        h(
          'p',
          { class: 'empty' },
          done === 0
            ? 'There are no pairs yet: they appear when both versions have made a picture for the same words.'
            : 'That was the last pair. Thank you! New ones appear as pictures are made; load the page again to look.',
        ),
      );
    else if (!isShown) places.pair.replaceChildren(...[1, 2].map(() => h('div', { class: 'frame loading' })));
  }

  /** What nobody takes back any more; all of it where the person leaves, by a request that outlives the page. */
  async send(isLeaving = false) {
    this.unsent.push(...this.judging.takeDue(Date.now(), isLeaving));
    if (isLeaving) this.draw(this.judging.current);
    const sending = this.unsent.splice(0);
    await Promise.all(sending.map((judgement) => this.sendOne(judgement, isLeaving)));
  }

  async sendOne(judgement, isLeaving) {
    const { pair, preferred } = judgement;
    const answer = await ask(`${this.address}/judgements`, {
      method: 'POST',
      keepalive: isLeaving,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ pair: pair.pair, preferred, ...(this.rater === null ? {} : { rater: this.rater }) }),
    }).catch(() => null);
    if (answer === null || answer.status >= 500) {
      this.unsent.push(judgement);
      this.say('The server does not answer; your answers are kept and sent again.');
    } else if (!answer.ok) this.say(`One answer was not taken: ${await problemOf(answer)}`);
  }

  say(words) {
    this.places.note.textContent = words;
  }
}

/** Frames of one size, whatever size the pictures have. */
function framed(picture, index) {
  return h('figure', { class: 'frame' }, picture, h('figcaption', { 'aria-hidden': 'true' }, String(index + 1)));
}

/** As an address of this tab alone, which says nothing; a picture that can't be drawn is none. */
async function loadPicture(href, index) {
  const answer = await ask(href);
  if (!answer.ok) throw new Error(`the picture is not there: ${answer.status}`);
  const picture = h('img', { alt: `Picture ${index + 1}`, draggable: 'false' });
  picture.src = URL.createObjectURL(await answer.blob());
  await picture.decode();
  return picture;
}
