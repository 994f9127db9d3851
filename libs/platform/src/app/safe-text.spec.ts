import { describe, expect, it } from 'vitest';
import { safeLine, safeLines } from './safe-text.js';

describe('text of others on a terminal', () => {
  it('moves no cursor, makes up no line and turns no direction: control characters are written out', () => {
    expect(safeLine('a\u001b[2Jb\r\nc\u009b1A\u202ed')).toBe('a\\u001b[2Jb\\u000d\\u000ac\\u009b1A\\u202ed');
    expect(safeLines('one\ntwo\u0007')).toBe('one\ntwo\\u0007');
    for (const turn of '\u061c\u200e\u200f\u202a\u2066') expect(safeLine(turn)).toMatch(/^\\u[0-9a-f]{4}$/);
  });

  it('keeps the letters of every language', () => {
    expect(safeLine('Größe −1 % › 写真')).toBe('Größe −1 % › 写真');
  });
});
