import type { AllocationCommanded } from '#libs/contracts';

/** What a command is called before people: a pause because the numbers can't be trusted is a hold, a pause is what an operator orders. */
export function orderInWords({ command, reason }: Pick<AllocationCommanded, 'command' | 'reason'>): string {
  return command === 'pause' && reason === 'health-hold' ? 'hold' : command;
}
