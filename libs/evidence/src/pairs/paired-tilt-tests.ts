import { lnEPairedLessOften, lnEPairedMoreOften, type PairedTilt, TILTS } from '#libs/statistics';
import type { TiltReader } from '../kinds/tilt-tests.js';

/** Events in pairs as the tests of a rate by its events read them. */
export function pairedTilt(events: PairedTilt): TiltReader {
  return {
    moreOften: (boundary, weights) => lnEPairedMoreOften(events, boundary, TILTS, weights),
    lessOften: (boundary, weights) => lnEPairedLessOften(events, boundary, weights),
  };
}
