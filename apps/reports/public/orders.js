import { ordersFor } from './consequences.js';
import { openDialog } from './dialog.js';
import { h, renderWhenChanged } from './dom.js';
import { waitList } from './overview.js';
import { ask, mayDo, problemOf } from './session.js';

const LOOK_EVERY_MS = 5_000;
/** Orders about the service, as the decision service calls them. */
const ABOUT_SERVICE = { freeze: 'pause', unfreeze: 'resume', retry: 'retry' };

/** How the experiment stands at the decision service: what it waits for, and the orders that whoever looks may give, as buttons. */
export class OrdersPanel {
  summary = null;
  shown = '';
  lookedAtMs = -Infinity;

  constructor({ orders, gates }, me, address) {
    this.place = orders;
    this.gates = gates;
    this.me = me;
    this.address = address;
  }

  /** Looks at the experiment again when something was decided, and from time to time: an approval or a gate may be waited for. */
  async take(summary) {
    const isNews = this.summary?.epoch !== summary.epoch || this.summary?.phase !== summary.phase;
    this.summary = summary;
    if (!this.me?.takesOrders || !(this.givesOrders || summary.hasGates)) return;
    if (!isNews && (document.hidden || Date.now() - this.lookedAtMs < LOOK_EVERY_MS)) return;
    this.lookedAtMs = Date.now();
    const found = await this.look();
    if (found.standing) renderWhenChanged(this.gates, found.standing, waitList);
    if (this.givesOrders) this.draw(found);
  }

  get givesOrders() {
    return mayDo(this.me, 'operator', this.summary.service);
  }

  async look() {
    const answer = await ask(`${this.address}/orders`).catch(() => null);
    if (answer === null) return { problem: 'the server does not answer' };
    if (!answer.ok) return { problem: await problemOf(answer) };
    const standing = await answer.json();
    if (standing.phase === 'paused') standing.serviceMode = await this.serviceMode();
    return { standing, etag: answer.headers.get('etag') };
  }

  /** What stands still because its service does goes on with it alone. Undefined where that is not known. */
  async serviceMode() {
    const answer = await ask(`${this.serviceAddress}/orders`).catch(() => null);
    return answer?.ok ? (await answer.json()).mode : undefined;
  }

  get serviceAddress() {
    return `/api/services/${encodeURIComponent(this.summary.service)}`;
  }

  draw({ standing, problem }) {
    const orders = standing === undefined ? [] : ordersFor(standing, this.unproven());
    const told = JSON.stringify(problem ?? orders.map(({ label }) => label));
    if (told === this.shown) return;
    this.shown = told;
    this.place.replaceChildren(
      ...(problem === undefined
        ? orders.map((order) =>
            h(
              'button',
              { type: 'button', class: order.isGrave ? 'grave' : 'usual', onclick: () => this.confirm(order) },
              order.label,
            ),
          )
        : [h('p', { class: 'small' }, `No orders from here: ${problem}`)]),
    );
  }

  unproven() {
    return this.summary.metrics.filter(
      ({ role, verdict }) => role === 'guardrail' && verdict !== 'non-inferior' && verdict !== 'superior',
    );
  }

  /** Says what would happen as the experiment stands at this moment, and orders exactly that: what was decided meanwhile refuses it. */
  async confirm(wanted) {
    const found = await this.look();
    const order = this.find(found, wanted);
    if (order === undefined) return this.draw(found);
    const says = h('p', { class: 'consequence' }, order.says);
    const reason = h('textarea', {
      id: 'reason',
      rows: '2',
      maxlength: '2000',
      required: order.isReasonOptional !== true,
    });
    const name = h('input', {
      id: 'actor',
      maxlength: '200',
      required: true,
      value: sessionStorage.getItem('teststrip-actor'),
    });
    const attempt = new Attempt(found.etag);
    openDialog({
      title: `${order.label}: ${this.summary.experiment}`,
      says: [
        says,
        h('label', { for: 'reason' }, order.isReasonOptional ? 'Why (may be left out)' : 'Why'),
        reason,
        ...(this.me.name === null ? [h('label', { for: 'actor' }, 'Your name'), name] : []),
      ],
      action: order.label,
      tone: order.isGrave ? 'grave' : 'usual',
      onConfirm: async () => {
        if (this.me.name === null) sessionStorage.setItem('teststrip-actor', name.value);
        const wrong = await this.give(order, attempt, {
          reason: reason.value.trim(),
          ...(this.me.name === null ? { actor: name.value } : {}),
        });
        if (wrong?.status !== 412) return wrong?.words ?? null;
        const now = await this.look();
        const again = this.find(now, wanted);
        if (again === undefined) return 'Something was decided since you looked, and this can’t be ordered any more.';
        says.textContent = again.says;
        attempt.etag = now.etag;
        return 'Something was decided since you looked. Above is what would happen now; press again if it is still what you want.';
      },
    });
  }

  find({ standing }, wanted) {
    if (standing === undefined) return undefined;
    return ordersFor(standing, this.unproven()).find(
      ({ order, variant, stage }) => order === wanted.order && variant === wanted.variant && stage === wanted.stage,
    );
  }

  /** @returns what went wrong; null where it is ordered */
  async give(order, attempt, by) {
    const { reason, ...who } = by;
    const body = {
      ...who,
      ...(reason === '' ? {} : { reason }),
      ...(order.order === 'approve' ? { stage: order.stage } : {}),
      ...(order.order === 'promote' || order.order === 'drop-arm' ? { variant: order.variant } : {}),
      ...(order.order === 'retry' ? { fingerprint: order.fingerprint } : {}),
    };
    const answer = await attempt.send(this.pathOf(order), body, !(order.order in ABOUT_SERVICE)).catch(() => null);
    if (answer === null) return { words: 'The server does not answer. Press again: the order is taken once.' };
    if (!answer.ok) return { status: answer.status, words: await problemOf(answer) };
    this.shown = '';
    this.lookedAtMs = -Infinity;
    this.draw(await this.look());
    return null;
  }

  pathOf({ order }) {
    if (order in ABOUT_SERVICE) return `${this.serviceAddress}/orders/${ABOUT_SERVICE[order]}`;
    return `${this.address}/orders/${order}`;
  }
}

/** One order of a person, under one name for as long as it is the same: sent again because its answer was lost, it is taken once. */
class Attempt {
  named = '';

  constructor(etag) {
    this.etag = etag;
  }

  send(path, body, isAboutExperiment) {
    const text = JSON.stringify(body);
    const ifMatch = isAboutExperiment && this.etag ? { 'if-match': this.etag } : {};
    const named = JSON.stringify([path, text, ifMatch]);
    if (named !== this.named) this.key = newKey();
    this.named = named;
    return ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': this.key, ...ifMatch },
      body: text,
    });
  }
}

/** A browser has `randomUUID` on loopback and with TLS only. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
