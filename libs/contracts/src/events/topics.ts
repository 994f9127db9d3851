import type { z } from 'zod';
import type { Topic } from './topic.js';
import { requestRoutedTopic } from './request.routed.v1.js';
import { generationCompletedTopic } from './generation.completed.v1.js';
import { imageScoredTopic } from './image.scored.v1.js';
import { feedbackRecordedTopic } from './feedback.recorded.v1.js';
import { preferenceJudgedTopic } from './preference.judged.v1.js';
import { experimentDefinedTopic } from './experiment.defined.v1.js';
import { evidenceSummarisedTopic } from './evidence.summarised.v1.js';
import { experimentAnalysedTopic } from './experiment.analysed.v1.js';
import { allocationCommandedTopic } from './allocation.commanded.v1.js';
import { allocationAppliedTopic } from './allocation.applied.v1.js';
import { routerHeartbeatTopic } from './router.heartbeat.v1.js';
import { serviceDefinedTopic } from './service.defined.v1.js';
import { controllerHeartbeatTopic } from './controller.heartbeat.v1.js';

/** Every topic of the system; what is to be known of one is in the file of its name. */
export const topics = {
  requestRouted: requestRoutedTopic,
  generationCompleted: generationCompletedTopic,
  imageScored: imageScoredTopic,
  feedbackRecorded: feedbackRecordedTopic,
  preferenceJudged: preferenceJudgedTopic,
  experimentDefined: experimentDefinedTopic,
  evidenceSummarised: evidenceSummarisedTopic,
  experimentAnalysed: experimentAnalysedTopic,
  serviceDefined: serviceDefinedTopic,
  allocationCommanded: allocationCommandedTopic,
  allocationApplied: allocationAppliedTopic,
  routerHeartbeat: routerHeartbeatTopic,
  controllerHeartbeat: controllerHeartbeatTopic,
} as const;

type Topics = (typeof topics)[keyof typeof topics];

export type TopicName = Topics['name'];

/** The schema of the data of every topic, by the topic's name. */
export const schemas = Object.fromEntries(Object.values(topics).map(({ name, schema }) => [name, schema])) as {
  readonly [Each in Topics as Each['name']]: Each['schema'];
};

export type DataOf<T extends TopicName> = z.infer<(typeof schemas)[T]>;

const signed: ReadonlySet<string> = new Set(
  Object.values(topics as Readonly<Record<string, Topic>>).flatMap((topic) => (topic.signed ? [topic.name] : [])),
);

/** Whether events of a topic are orders, which are signed. */
export function isSignedTopic(topic: string): boolean {
  return signed.has(topic);
}

/** The topic for messages of `topic` that can never be processed. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead`;
}
