import { topics, type TeststripEvent, type TopicName } from '#libs/contracts';
import type { Queryable, Transaction } from '../../postgres/database.js';
import { FactOfNoKeptDayError } from '../days/fact-of-no-kept-day-error.js';
import { isKept, type FactDays, type KeptDays } from '../days/fact-days.js';
import type { FactTable } from '../days/fact-tables.js';
import { leaveOutErased } from '../erase/leave-out-erased.js';
import { FactCopier, RecordedMeanwhileError } from './copy-facts.js';
import { countTraffic } from './count-traffic.js';
import { generationRows } from './generation-rows.js';
import { leaveOutKnown } from './leave-out-known.js';
import type { PreparedFact } from './prepared-fact.js';
import { recordAnalyses } from './record-analyses.js';
import { recordAppliedAllocations } from './record-applied-allocations.js';
import { recordCommands } from './record-commands.js';
import { recordDefinitions } from './record-definitions.js';
import { recordFeedback } from './record-feedback.js';
import { recordHeartbeats } from './record-heartbeats.js';
import { recordPreferences } from './record-preferences.js';
import { requestRows } from './request-rows.js';
import { embeddingRows, scoreRows } from './score-rows.js';
import type { SharedDocuments } from './shared-documents.js';

type Recorders = {
  readonly [Name in TopicName]?: (tx: Queryable, events: readonly TeststripEvent<Name>[]) => Promise<void>;
};

/** Beside what is copied. Evidence summaries are missing: they belong to the analyzers and are in their snapshots. */
const recorders: Recorders = {
  [topics.preferenceJudged.name]: recordPreferences,
  [topics.experimentDefined.name]: recordDefinitions,
  [topics.experimentAnalysed.name]: recordAnalyses,
  [topics.allocationCommanded.name]: recordCommands,
  [topics.allocationApplied.name]: recordAppliedAllocations,
  [topics.controllerHeartbeat.name]: recordHeartbeats,
};

const INSERTED_TOPICS = Object.keys(recorders) as readonly TopicName[];

/** What is made ready before the facts are written, outside of their transaction: it stays when that is rolled back. */
export interface Groundwork {
  readonly days: FactDays;
  readonly documents: SharedDocuments;
}

/** Who has recorded the same event meanwhile has done so once it is seen. */
const MOST_ATTEMPTS = 3;

/**
 * Writes facts into their tables, one statement per table; those of erased units are left out.
 * @throws FactOfNoKeptDayError when one is of a day that is not kept; nothing is written then.
 */
export async function recordFacts(
  tx: Transaction,
  told: readonly PreparedFact[],
  { days, documents }: Groundwork,
): Promise<void> {
  const wanted = await leaveOutErased(tx, told);
  await openDays(days, wanted);
  for (let attempt = 1; ; attempt++) {
    const facts = await leaveOutKnown(tx, wanted);
    await documents.keep(facts);
    try {
      return await writeFacts(tx, facts, days);
    } catch (error) {
      if (!(error instanceof RecordedMeanwhileError)) throw error;
      if (attempt === MOST_ATTEMPTS) throw error.cause;
    }
  }
}

/** What is copied comes first: it may have to be taken back. */
async function writeFacts(tx: Transaction, facts: readonly PreparedFact[], days: FactDays): Promise<void> {
  const copier = new FactCopier(tx);
  const requests = ofType(facts, topics.requestRouted.name);
  const generations = ofType(facts, topics.generationCompleted.name);
  const scores = ofType(facts, topics.imageScored.name);
  await copier.copy(requestRows.sql, rowsOf(requests));
  await copier.copy(generationRows.sql, rowsOf(generations));
  await copier.copy(scoreRows.sql, rowsOf(scores));
  await copier.copy(embeddingRows.sql, await keptEmbeddings(scores, days));
  await countTraffic(tx, requests);
  await recordFeedback(tx, ofType(facts, topics.feedbackRecorded.name));
  for (const topic of INSERTED_TOPICS) {
    const events = facts.flatMap(({ event }) => (event.type === topic ? [event] : []));
    // The table's type ties each recorder to its topic; the compiler can't follow that through a variable.
    const record = recorders[topic] as (tx: Queryable, events: readonly TeststripEvent[]) => Promise<void>;
    if (events.length > 0) await record(tx, events);
  }
}

function ofType(facts: readonly PreparedFact[], topic: TopicName): readonly PreparedFact[] {
  return facts.filter(({ event }) => event.type === topic);
}

function rowsOf(facts: readonly PreparedFact[]): readonly string[] {
  return facts.map(({ row }) => row!);
}

async function openDays(days: FactDays, facts: readonly PreparedFact[]): Promise<void> {
  const needed = new Map<FactTable, Set<number>>();
  for (const { place } of facts) if (place) addTo(needed, place.table, place.day);
  for (const [table, wanted] of needed) {
    const kept = await days.open(table, wanted);
    if (kept) throw refusalOf(facts, table, kept);
  }
}

function addTo(needed: Map<FactTable, Set<number>>, table: FactTable, day: number): void {
  // What JavaScript can't read as a time, Postgres is to refuse.
  if (Number.isNaN(day)) return;
  const days = needed.get(table);
  if (days) days.add(day);
  else needed.set(table, new Set([day]));
}

function refusalOf(facts: readonly PreparedFact[], table: FactTable, kept: KeptDays): FactOfNoKeptDayError {
  for (const { event, place } of facts) {
    if (place?.table === table && !Number.isNaN(place.day) && !isKept(place.day, kept))
      return new FactOfNoKeptDayError(event.type, place.day, kept);
  }
  throw new Error(`no event of ${table} is of a day that is not kept`);
}

/** Embeddings may be dropped before their scores: then a late score comes without. */
async function keptEmbeddings(scores: readonly PreparedFact[], days: FactDays): Promise<readonly string[]> {
  const dated = scores.flatMap(({ embedding, place }) =>
    embedding === undefined || Number.isNaN(place!.day) ? [] : [{ embedding, day: place!.day }],
  );
  const kept = await days.open('image_embeddings', new Set(dated.map(({ day }) => day)));
  return dated.flatMap(({ embedding, day }) => (kept && !isKept(day, kept) ? [] : [embedding]));
}
