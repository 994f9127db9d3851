import type { DefinedState } from '../state.js';

/** How far a revision is: "is running", "was rolled back". */
export function phaseInWords(phase: DefinedState['phase']): string {
  switch (phase) {
    case 'draft':
      return 'has not started yet';
    case 'running':
      return 'is running';
    case 'held':
      return 'is held';
    case 'paused':
      return 'is paused';
    case 'promoted':
      return 'was promoted';
    case 'rolled-back':
      return 'was rolled back';
    case 'concluded':
      return 'has ended';
    default:
      return phase satisfies never;
  }
}
