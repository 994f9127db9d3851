import type { TeststripEvent } from '../envelope/encode.js';
import { exampleAssignment } from './example-values.js';
import type { Topic } from './topic.js';
import { topics } from './topics.js';

/** A whole example event of every topic. */
export const examples = Object.values(topics).map(({ name, key, example }, index) => ({
  specversion: '1.0',
  id: `0190d5a2-0000-7000-8000-${String(index + 1).padStart(12, '0')}`,
  source: 'teststrip/example',
  type: name,
  time: '2026-11-20T10:15:31.000Z',
  subject: subjectOf(key),
  data: example,
})) as readonly TeststripEvent[];

function subjectOf(key: Topic['key']): string {
  switch (key) {
    case 'unit':
      return exampleAssignment.unit;
    case 'experiment':
      return exampleAssignment.experiment;
    case 'none':
      return 'controller';
    default:
      return key satisfies never;
  }
}
