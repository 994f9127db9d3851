import type { AllocationCommanded } from '#libs/contracts';
import type { FinishedSpan } from './tracer.js';

/** What the spans of an order say of it, be it given or obeyed: under the same names, so that they are found together. */
export function orderAttributes(command: AllocationCommanded): FinishedSpan['attributes'] {
  const { experiment, service, revision, epoch, reason, commandId } = command;
  return {
    'teststrip.experiment': experiment,
    'teststrip.service': service,
    'teststrip.revision': revision,
    'teststrip.epoch': epoch,
    'teststrip.reason': reason,
    'teststrip.command_id': commandId,
  };
}
