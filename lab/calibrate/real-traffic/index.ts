import { coldStarts } from './cold-starts.js';
import { earlyAnswers } from './early-answers.js';
import { lateAnswers } from './late-answers.js';
import { limits } from './limits.js';
import { meansOfRealTraffic } from './means.js';
import { pairs } from './pairs.js';
import { returningUsers } from './returning-users.js';
import type { RealTrafficRow } from './row.js';
import { sharedAlpha } from './shared-alpha.js';
import { slowMinutes } from './slow-minutes.js';
import { stalls } from './stalls.js';
import { survivors } from './survivors.js';
import { totalsAndQuotients } from './totals-and-quotients.js';
import { unlikeShapes } from './unlike-shapes.js';
import { withoutPictures } from './without-pictures.js';

export type { RealTrafficRow } from './row.js';

/** All of them, in the order of the table. */
export const realTrafficRows: readonly RealTrafficRow[] = [
  ...returningUsers,
  ...sharedAlpha,
  ...survivors,
  ...meansOfRealTraffic,
  ...stalls,
  ...withoutPictures,
  ...limits,
  ...totalsAndQuotients,
  ...pairs,
  ...coldStarts(),
  ...lateAnswers,
  ...earlyAnswers,
  ...slowMinutes,
  ...unlikeShapes,
];
