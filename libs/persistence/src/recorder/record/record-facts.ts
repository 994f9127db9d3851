import { topics, type TeststripEvent, type TopicName } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { recordAnalyses } from './record-analyses.js';
import { recordAppliedAllocations } from './record-applied-allocations.js';
import { recordCommands } from './record-commands.js';
import { recordDefinitions } from './record-definitions.js';
import { recordFeedback } from './record-feedback.js';
import { recordGenerations } from './record-generations.js';
import { recordHeartbeats } from './record-heartbeats.js';
import { recordImageScores } from './record-image-scores.js';
import { recordPreferences } from './record-preferences.js';
import { recordRequests } from './record-requests.js';

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

/** Writes events into their tables, one statement per kind of event. */
export async function recordFacts(tx: Queryable, events: readonly TeststripEvent[]): Promise<void> {
  for (const topic of RECORDED_TOPICS) {
    const ofTopic = events.filter(({ type }) => type === topic);
    // The table's type ties each recorder to its topic; the compiler can't follow that through a variable.
    const record = recorders[topic] as (tx: Queryable, events: readonly TeststripEvent[]) => Promise<void>;
    if (ofTopic.length > 0) await record(tx, ofTopic);
  }
}
