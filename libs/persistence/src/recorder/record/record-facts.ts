import { topics, type TeststripEvent, type TopicName } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { FactOfNoKeptDayError } from '../days/fact-of-no-kept-day-error.js';
import { isKept, type FactDays, type KeptDays } from '../days/fact-days.js';
import { dayOf, factPlace, type FactTable } from '../days/fact-tables.js';
import { leaveOutErased } from '../erase/leave-out-erased.js';
import { leaveOutKnown } from './leave-out-known.js';
import { recordAnalyses } from './record-analyses.js';
import { recordAppliedAllocations } from './record-applied-allocations.js';
import { recordCommands } from './record-commands.js';
import { recordDefinitions } from './record-definitions.js';
import { recordEmbeddings } from './record-embeddings.js';
import { recordFeedback } from './record-feedback.js';
import { recordGenerations } from './record-generations.js';
import { recordHeartbeats } from './record-heartbeats.js';
import { recordImageScores } from './record-image-scores.js';
import { recordPreferences } from './record-preferences.js';
import { recordRequests } from './record-requests.js';
import type { SharedDocuments } from './shared-documents.js';

type Recorders = {
  readonly [Name in TopicName]?: (tx: Queryable, events: readonly TeststripEvent<Name>[]) => Promise<void>;
};

/** Evidence summaries are missing: they belong to the analyzers and are in their snapshots. */
const recorders: Recorders = {
  [topics.requestRouted.name]: recordRequests,
  [topics.generationCompleted.name]: recordGenerations,
  [topics.imageScored.name]: recordImageScores,
  [topics.feedbackRecorded.name]: recordFeedback,
  [topics.preferenceJudged.name]: recordPreferences,
  [topics.experimentDefined.name]: recordDefinitions,
  [topics.experimentAnalysed.name]: recordAnalyses,
  [topics.allocationCommanded.name]: recordCommands,
  [topics.allocationApplied.name]: recordAppliedAllocations,
  [topics.controllerHeartbeat.name]: recordHeartbeats,
};

/** Topics whose events are kept. */
const RECORDED_TOPICS = Object.keys(recorders) as readonly TopicName[];

/** What is made ready before the facts are written, outside of their transaction: it stays when that is rolled back. */
export interface Groundwork {
  readonly days: FactDays;
  readonly documents: SharedDocuments;
}

/**
 * Writes events into their tables, one statement per kind of event; those of erased units are left out.
 * @throws FactOfNoKeptDayError when one is of a day that is not kept; nothing is written then.
 */
export async function recordFacts(
  tx: Queryable,
  told: readonly TeststripEvent[],
  { days, documents }: Groundwork,
): Promise<void> {
  const wanted = await leaveOutErased(tx, told);
  await openDays(days, wanted);
  const events = await leaveOutKnown(tx, wanted);
  await documents.keep(events);
  for (const topic of RECORDED_TOPICS) {
    const ofTopic = events.filter(({ type }) => type === topic);
    // The table's type ties each recorder to its topic; the compiler can't follow that through a variable.
    const record = recorders[topic] as (tx: Queryable, events: readonly TeststripEvent[]) => Promise<void>;
    if (ofTopic.length > 0) await record(tx, ofTopic);
  }
  await recordKeptEmbeddings(tx, events, days);
}

async function openDays(days: FactDays, events: readonly TeststripEvent[]): Promise<void> {
  const needed = new Map<FactTable, Set<number>>();
  for (const event of events) {
    const place = factPlace(event);
    if (place) addTo(needed, place.table, dayOf(place.time));
  }
  for (const [table, wanted] of needed) {
    const kept = await days.open(table, wanted);
    if (kept) throw refusalOf(events, table, kept);
  }
}

function addTo(needed: Map<FactTable, Set<number>>, table: FactTable, day: number): void {
  // What JavaScript can't read as a time, Postgres is to refuse.
  if (Number.isNaN(day)) return;
  const days = needed.get(table);
  if (days) days.add(day);
  else needed.set(table, new Set([day]));
}

function refusalOf(events: readonly TeststripEvent[], table: FactTable, kept: KeptDays): FactOfNoKeptDayError {
  for (const event of events) {
    const place = factPlace(event);
    const day = dayOf(place?.time ?? '');
    if (place?.table === table && !Number.isNaN(day) && !isKept(day, kept))
      return new FactOfNoKeptDayError(event.type, day, kept);
  }
  throw new Error(`no event of ${table} is of a day that is not kept`);
}

/** Embeddings may be dropped before their scores: then a late score comes without. */
async function recordKeptEmbeddings(tx: Queryable, events: readonly TeststripEvent[], days: FactDays): Promise<void> {
  const scores = events.filter(
    (event): event is TeststripEvent<'image.scored.v1'> => event.type === topics.imageScored.name,
  );
  const kept = await days.open(
    'image_embeddings',
    new Set(scores.map(({ time }) => dayOf(time)).filter((day) => !Number.isNaN(day))),
  );
  await recordEmbeddings(tx, kept ? scores.filter(({ time }) => isKept(dayOf(time), kept)) : scores);
}
