export { createFactReader, type FactReader } from './fact-reader.js';
export type { AnnouncedPicture } from './read/find-picture.js';
export type { RecordedRequest } from './read/find-request.js';
export type { RecordedApplication } from './read/read-applied-allocations.js';
export type { RecordedCommand } from './read/read-commands.js';
export type { RecordedController } from './read/read-controllers.js';
export type { RecordedDefinition } from './read/read-definitions.js';
export type { PictureQuery, RecordedPicture } from './read/read-pictures.js';
export type { TrafficCount } from './read/read-traffic.js';
