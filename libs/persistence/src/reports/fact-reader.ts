import type { ExperimentAnalysed } from '#libs/contracts';
import type { Database } from '../postgres/database.js';
import { findPicture, findServicesOfGeneration, type AnnouncedPicture, type PictureName } from './read/find-picture.js';
import { findRequest, type RecordedRequest } from './read/find-request.js';
import { readAnalysisHistory } from './read/read-analysis-history.js';
import { readArchived } from './read/read-archived.js';
import { readAppliedAllocations, type RecordedApplication } from './read/read-applied-allocations.js';
import { readCommands, type RecordedCommand } from './read/read-commands.js';
import { readControllers, type RecordedController } from './read/read-controllers.js';
import { readDefinitions, type RecordedDefinition } from './read/read-definitions.js';
import {
  readEmbeddedPictures,
  type EmbeddedPicture,
  type EmbeddedPictureQuery,
} from './read/read-embedded-pictures.js';
import { readLatestAnalysis } from './read/read-latest-analysis.js';
import { readPictures, type PictureQuery, type RecordedPicture } from './read/read-pictures.js';
import {
  readJudged,
  readReviewPictures,
  type RecordedJudgement,
  type ReviewPicture,
  type ReviewQuery,
} from './read/read-review.js';
import { readTraffic, type TrafficCount } from './read/read-traffic.js';

/** What was recorded, for people to look at. */
export interface FactReader {
  /** The newest revision of every experiment (of one, when a key is given), newest first. */
  readonly definitions: (experiment?: string) => Promise<readonly RecordedDefinition[]>;
  /** Keys of the experiments that lists leave out. */
  readonly archived: () => Promise<ReadonlySet<string>>;
  /** Commands of one revision, by epoch. */
  readonly commands: (experiment: string, revision: number) => Promise<readonly RecordedCommand[]>;
  /** What the routers made of the commands of one revision, in order. */
  readonly applied: (experiment: string, revision: number) => Promise<readonly RecordedApplication[]>;
  /** Requests counted by variant, epoch and outcome. */
  readonly traffic: (experiment: string, revision: number) => Promise<readonly TrafficCount[]>;
  readonly latestAnalysis: (experiment: string, revision: number) => Promise<ExperimentAnalysed | undefined>;
  /** At most about `points` analyses spread evenly over the time of the revision, oldest first, the latest included. */
  readonly analysisHistory: (
    experiment: string,
    revision: number,
    points: number,
  ) => Promise<readonly ExperimentAnalysed[]>;
  readonly pictures: (query: PictureQuery) => Promise<readonly RecordedPicture[]>;
  /** Pictures of one variant that people may judge, newest first. */
  readonly reviewPictures: (query: ReviewQuery) => Promise<readonly ReviewPicture[]>;
  /** Pictures of one variant with their embeddings, newest first. */
  readonly embeddedPictures: (query: EmbeddedPictureQuery) => Promise<readonly EmbeddedPicture[]>;
  /** What people have judged of one revision. */
  readonly judged: (experiment: string, revision: number) => Promise<readonly RecordedJudgement[]>;
  /** Where one picture of a generation lies; undefined when nobody announced it. */
  readonly picture: (name: PictureName) => Promise<AnnouncedPicture | undefined>;
  /** The services that have announced a generation of this id, by name: one, unless somebody says what is not theirs. */
  readonly servicesOfGeneration: (generationId: string) => Promise<readonly string[]>;
  /** The request with its assignment; undefined when it was not recorded (yet, or any more). */
  readonly request: (requestId: string) => Promise<RecordedRequest | undefined>;
  readonly controllers: () => Promise<readonly RecordedController[]>;
}

export function createFactReader(database: Database): FactReader {
  return {
    definitions: (experiment) => readDefinitions(database, experiment),
    archived: () => readArchived(database),
    commands: (experiment, revision) => readCommands(database, experiment, revision),
    applied: (experiment, revision) => readAppliedAllocations(database, experiment, revision),
    traffic: (experiment, revision) => readTraffic(database, experiment, revision),
    latestAnalysis: (experiment, revision) => readLatestAnalysis(database, experiment, revision),
    analysisHistory: (experiment, revision, points) => readAnalysisHistory(database, experiment, revision, points),
    pictures: (query) => readPictures(database, query),
    reviewPictures: (query) => readReviewPictures(database, query),
    embeddedPictures: (query) => readEmbeddedPictures(database, query),
    judged: (experiment, revision) => readJudged(database, experiment, revision),
    picture: (name) => findPicture(database, name),
    servicesOfGeneration: (generationId) => findServicesOfGeneration(database, generationId),
    request: (requestId) => findRequest(database, requestId),
    controllers: () => readControllers(database),
  };
}
