import type { TeststripEvent } from '../envelope/encode.js';
import { eventSource, stampEvent, type EventDraft } from '../envelope/stamp.js';
import { exampleAssignment } from './example-values.js';
import type { Topic } from './topic.js';
import { topics } from './topics.js';

/** A whole example event of every topic. */
export const examples: readonly TeststripEvent[] = Object.values(topics).map(
  ({ name, key, example, producedBy }, index) =>
    stampEvent(
      {
        type: name,
        id: `0190d5a2-0000-7000-8000-${String(index + 1).padStart(12, '0')}`,
        timeMs: Date.parse('2026-11-20T10:15:31Z'),
        subject: subjectOf(key),
        data: example,
      } as EventDraft,
      eventSource(producedBy[0] ?? 'teststrip', 'example'),
    ),
);

function subjectOf(key: Topic['key']): string {
  switch (key) {
    case 'unit':
      return exampleAssignment.unit;
    case 'experiment':
      return exampleAssignment.experiment;
    case 'experiment and part':
      return `${exampleAssignment.experiment}@1 request.routed.v1/3`;
    case 'service':
      return 'text-to-image';
    case 'none':
      return 'controller';
    default:
      return key satisfies never;
  }
}
