import { z } from 'zod';
import { slug } from '../names.js';
import type { Complain } from './file-problems.js';

const MOST_GATES = 10;

const names = z
  .array(slug)
  .min(1)
  .max(MOST_GATES)
  .refine((given) => new Set(given).size === given.length, 'names a gate twice: expected each once');

/** The gates of a stage as people write them: by name, since whoever writes a file chooses no address that is asked. */
export const gatesFile = z
  .strictObject({
    before: names.optional().describe('Gates that have to approve before the stage begins.'),
    after: names.optional().describe('Gates that have to approve when the stage has lasted as long as it is to.'),
  })
  .refine(({ before, after }) => before !== undefined || after !== undefined, 'expected before, after, or both');
type WrittenGates = z.output<typeof gatesFile>;

/** Nothing follows the last stage that a gate behind it could keep from happening. */
export function checkLastGates(
  stages: readonly { readonly gates?: WrittenGates | undefined }[],
  complain: Complain,
): void {
  if (stages.at(-1)?.gates?.after === undefined) return;
  complain(
    ['ramp', stages.length - 1, 'gates', 'after'],
    'is asked before the next stage, and nothing follows the last one: expected it at an earlier stage, or before',
  );
}
