import type { SplitAssignment } from './split.js';

/** A header's value in three pieces: the unit stands behind the first, the time behind the second. */
export interface AssignmentFrame {
  readonly beforeUnit: string;
  readonly beforeTime: string;
  readonly end: string;
}

/** Stands for what only the proxy knows. */
const GAP = '~~';

/** The value of `teststrip-assignment` for a proxy that fills in unit and time as they are. */
export function assignmentFrame(assignment: SplitAssignment): AssignmentFrame {
  const text = encodeURIComponent(JSON.stringify({ ...assignment, unit: GAP, assignedAt: GAP }));
  const [beforeUnit = '', beforeTime = '', end = ''] = text.split(GAP);
  return { beforeUnit, beforeTime, end };
}
