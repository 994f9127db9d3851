export { ModelDirectoryError } from './checkpoint/errors.js';
export { convertCheckpoint, type Conversion } from './conversion/convert-checkpoint.js';
export { decodePicture, defaultPictureLimits, type PictureLimits } from './decoding/decode-picture.js';
export { chooseEngine, EngineUnavailableError, engineNames, type EngineName } from './engines/choose-engine.js';
export { EngineFailedError } from './engines/errors.js';
export { goldenPixels } from './engines/golden.js';
export { GraphBuilder, type EnginePrecision, type GraphValue } from './graphs/graph-builder.js';
export { addHead, type HeadOptions } from './heads/add-head.js';
export { ForeignHeadError } from './heads/quality-head.js';
export { LruCache } from './lru-cache.js';
export { inspectModel, type InspectedModel } from './model/inspect-model.js';
export { benchModel, type EngineSpeed } from './model/bench-model.js';
export { listFiles, MANIFEST, parseManifest, readManifest, recordManifest, writeManifest } from './model/manifest.js';
export { describeFolder, loadClipModel } from './model/model-directory.js';
export { verifyModel, type ModelCheck } from './model/verify-model.js';
export { preparePicture } from './preparation/prepare-picture.js';
export { preprocessing, type PreprocessingMode } from './preprocessing/preprocessing.js';
export {
  createScorer,
  type PictureScore,
  type Scorer,
  type ScorerHealth,
  type ScorerInput,
  type ScorerOptions,
} from './scorer.js';
