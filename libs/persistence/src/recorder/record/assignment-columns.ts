import type { Assignment } from '#libs/contracts';

/** Under which experiment, revision and variant something happened, and to which unit; nothing where no experiment applied. */
export function assignmentColumns(assignment: Assignment | null): object {
  if (assignment === null) return {};
  const { experiment, revision, variant, unit } = assignment;
  return { experiment, revision, variant, unit };
}
