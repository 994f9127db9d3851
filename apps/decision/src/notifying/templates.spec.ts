import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { isWorded, readTemplates, worded, type NoticeFields, type Templates } from './templates.js';

const fields: NoticeFields = {
  decision: 'rolled back',
  experiment: 'int8',
  service: 'sdxl',
  kind: 'canary',
  revision: '2',
  message: 'error-rate of <candidate> {{actor}}',
  numbers: '',
  causes: '',
  shares: 'control 100 %',
  actor: 'decision',
  decidedAt: '2026-11-20T10:00:00.000Z',
  link: '',
};
const same = { plain: (value: string): string => value };

describe('templates of notifications', () => {
  it('are filled once, and lines of empty fields are left out', () => {
    const { subject, text } = worded({}, 'rolled-back', fields, same);
    expect(subject).toBe('int8 (sdxl): rolled back');
    expect(text).toBe('error-rate of <candidate> {{actor}}\n\ncontrol 100 %\ndecision · 2026-11-20T10:00:00.000Z\n');
  });

  it('may differ by decision, and what is not said is as usual', () => {
    const read = readTemplates(
      'subject: "[{{ service }}] {{experiment}}"\non:\n  rolled-back: { text: "<!here> {{message}}" }\n',
    ) as Templates;
    expect(worded(read, 'rolled-back', fields, { plain: (value) => value.replaceAll('<', '&lt;') })).toEqual({
      subject: '[sdxl] int8',
      text: '<!here> error-rate of &lt;candidate> {{actor}}',
    });
    expect(worded(read, 'started', fields, same).text).toContain('control 100 %');
    expect(isWorded({ on: { held: { text: 'x' } } }, 'held')).toBe(true);
    expect(isWorded({ on: { held: { text: 'x' } } }, 'started')).toBe(false);
  });

  it('are refused with the line of everything that is wrong', () => {
    const wrong = 'subject: "{{experment}}"\ntext: 7\non:\n  rolledback: {}\n';
    expect(readTemplates(wrong)).toEqual([
      expect.stringMatching(/^line 1: subject: \{\{experment\}\} is no field of a notification; expected one of: /),
      expect.stringMatching(/^line 2: text: /),
      expect.stringMatching(/^line 4: on\.rolledback: /),
    ]);
    expect(readTemplates('a: [')).toEqual([expect.stringMatching(/^line \d/)]);
  });
});

it.each([
  ['blanks after an opening', `text: '{{${' '.repeat(100_000)}'`],
  ['openings', `text: '${'{{ '.repeat(33_000)}'`],
])('a template of 100,000 characters of %s is read and filled at once', (_what, file) => {
  expect(processorMsOf(() => worded(readTemplates(file) as Templates, 'promoted', fields, same))).toBeLessThan(200);
});
