import { decisionList } from './decisions.js';
import { h, renderWhenChanged } from './dom.js';
import { endingOf, endingView } from './ending.js';
import { followEvents } from './event-stream.js';
import { onWrittenScale } from './format.js';
import { likenessView } from './likeness.js';
import { metricTable } from './metric-table.js';
import { objectivesView } from './objectives.js';
import { heading, healthList, noticeList, tiles, variantTable } from './overview.js';
import { OrdersPanel } from './orders.js';
import { pictureWall } from './pictures.js';
import { ask } from './session.js';
import { shadowView } from './shadow.js';
import { weightsChart } from './weights-chart.js';
import { NO_TOKEN } from './words.js';

const MOST_POINTS = 400;

/** Trying again helps with none of these: nobody is known, they may not read it, there is none. */
const FINAL = new Set([401, 403, 404]);

/** One experiment, updated by the server's stream of events. */
export function showExperiment(content, connection, { me, experiment }) {
  document.title = `${experiment} – Teststrip`;
  const address = `/api/experiments/${encodeURIComponent(experiment)}`;
  const places = layOut(content);
  const view = new ExperimentView(address, places, new OrdersPanel(places, me, address));
  void followEvents(`${address}/live`, {
    summary(data) {
      view.take(JSON.parse(data));
      connection.live();
    },
    async lost(refused) {
      if (refused && FINAL.has(refused.status)) {
        showProblem(content, connection, await refused.json());
        return false;
      }
      connection.lost(refused ? null : 'the server does not answer');
      return true;
    },
  });
  setInterval(() => view.everySecond(), 1_000);
  void view.loadHistory();
}

/** What is known of the experiment, drawn into its places. */
class ExperimentView {
  points = [];
  summary = null;
  picturesShownAt = 0;
  likenessShownAt = 0;

  constructor(address, places, orders) {
    this.address = address;
    this.places = places;
    this.orders = orders;
  }

  take(news) {
    const isNewRevision = this.summary !== null && this.summary.revision !== news.revision;
    this.summary = { ...news, metrics: onWrittenScale(news.metrics, news.guardrails) };
    const known = this.points.at(-1);
    if (news.analysedAt !== null && (known === undefined || Date.parse(known.at) < Date.parse(news.analysedAt))) {
      this.points.push(pointOf(news));
    }
    if (isNewRevision || this.points.length > MOST_POINTS) void this.loadHistory();
    this.draw();
    void this.orders.take(this.summary);
    void this.showPictures();
  }

  async loadHistory() {
    const answer = await ask(`${this.address}/history?points=${MOST_POINTS / 2}`);
    if (answer.ok) this.points = (await answer.json()).points;
    if (this.summary) this.draw();
  }

  async showPictures() {
    if (document.hidden || Date.now() - this.picturesShownAt < 2_000) return;
    this.picturesShownAt = Date.now();
    const answer = await ask(`${this.address}/pictures?limit=8`);
    if (answer.ok) renderWhenChanged(this.places.pictures, await answer.json(), pictureWall);
    await this.showLikeness();
  }

  /** Seldom: it changes slowly, and many pictures are compared for it. */
  async showLikeness() {
    if (Date.now() - this.likenessShownAt < 30_000) return;
    this.likenessShownAt = Date.now();
    const answer = await ask(`${this.address}/pictures/likeness?limit=4`);
    if (answer.ok) renderWhenChanged(this.places.likeness, await answer.json(), likenessView);
  }

  draw() {
    const { places, summary, points } = this;
    const headed = pick(summary, [
      'experiment',
      'phase',
      'service',
      'slot',
      'kind',
      'revision',
      'unit',
      'stage',
      'shadow',
      'alpha',
      'alphaPer',
    ]);
    renderWhenChanged(places.heading, headed, heading);
    renderWhenChanged(places.tiles, summary, tiles);
    renderWhenChanged(places.notices, pick(summary, ['notices', 'asked', 'experiment']), noticeList);
    const ending = endingOf(summary);
    drawEnding(places.ending, summary, ending);
    renderWhenChanged(places.metrics, [summary.metrics, points.length, points.at(-1)?.at, ending], () =>
      metricTable(summary, points, ending),
    );
    places.shadow.parentElement.hidden = summary.shadow === null;
    if (summary.shadow)
      renderWhenChanged(
        places.shadow,
        { ...pick(summary, ['shadow', 'decidesAtLnE', 'guardrails', 'candidates']), ending },
        shadowView,
      );
    places.objectives.parentElement.hidden = summary.objectives === null;
    if (summary.objectives)
      renderWhenChanged(places.objectives, pick(summary, ['objectives', 'control']), objectivesView);
    renderWhenChanged(places.health, { health: summary.health, notes: summary.healthNotes }, healthList);
    renderWhenChanged(places.decisions, { decisions: summary.decisions }, decisionList);
    renderWhenChanged(places.variants, { variants: summary.variants }, variantTable);
    this.drawWeights();
  }

  /** What is shown goes on where nothing is decided: the time, and what gates say. */
  everySecond() {
    this.drawWeights();
    if (this.summary) void this.orders.take(this.summary);
  }

  drawWeights() {
    const { summary } = this;
    if (!summary) return;
    this.places.weights.replaceChildren(
      summary.decisions.length === 0
        ? h('p', { class: 'empty' }, 'Not started yet.')
        : weightsChart(summary, Date.now()),
    );
  }
}

function showProblem(content, connection, { title, detail, status }) {
  connection.lost(null);
  content.replaceChildren(
    h(
      'div',
      { class: 'problem', role: 'alert' },
      h('h1', {}, title),
      h('p', {}, detail),
      status === 401 ? h('p', {}, NO_TOKEN) : null,
      h('p', {}, h('a', { href: '/' }, 'All experiments')),
    ),
  );
}

function drawEnding(place, { decisions, decidesAtLnE, candidates, guardrails }, ending) {
  place.parentElement.hidden = ending === undefined;
  if (ending === undefined) return;
  const before = decisions[decisions.indexOf(ending) - 1];
  const shown = { ending, before, decidesAtLnE, guardrails, namesCandidate: candidates.length > 1 };
  renderWhenChanged(place, shown, endingView);
}

function layOut(content) {
  const names = [
    ['ending', 'What ended it'],
    ['weights', 'Share of traffic'],
    ['decisions', 'Decisions'],
    ['shadow', 'Shadow'],
    ['objectives', 'Objectives'],
    ['metrics', 'Metrics'],
    ['variants', 'Variants'],
    ['health', 'Health of the numbers'],
    ['pictures', 'Pictures'],
    ['likeness', 'The same prompts by control and candidate'],
  ];
  const places = {
    heading: h('div', {}, h('p', { class: 'empty' }, 'Loading …')),
    orders: h('div', { class: 'orders', role: 'group', 'aria-label': 'Orders' }),
    tiles: h('div', {}),
    gates: h('div', {}),
    notices: h('div', {}),
  };
  const panels = names.map(([name, title]) => {
    places[name] = h('div', {}, h('p', { class: 'empty' }, 'Loading …'));
    return h('section', { class: `panel panel-${name}` }, h('h2', {}, title), places[name]);
  });
  places.decisions.setAttribute('aria-live', 'polite');
  places.shadow.parentElement.hidden = true;
  places.objectives.parentElement.hidden = true;
  places.ending.parentElement.hidden = true;
  content.replaceChildren(
    places.heading,
    places.orders,
    places.tiles,
    places.gates,
    places.notices,
    h('div', { class: 'panels' }, panels),
  );
  return places;
}

/** The live summary as one more point of the history. */
function pointOf({ analysedAt, metrics }) {
  return {
    at: analysedAt,
    metrics: metrics.map(({ metric, candidate, lnE }) => ({
      metric,
      candidate,
      lnEHarmful: lnE?.harmful ?? null,
      lnENonInferior: lnE?.nonInferior ?? null,
    })),
  };
}

function pick(from, names) {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
