import { describe, expect, it } from 'vitest';
import { mendKinds } from '#libs/contracts';
import { HEALTHY, SCORES_SILENT } from '#libs/testing/delivery';
import { healthNotes } from './health-notes.js';

describe('notes on the health of the numbers', () => {
  it('say what arrives, and nothing else where nothing else is to be said', () => {
    const lastAt = '2026-11-20T10:00:00.000Z';
    const staleness = { ...HEALTHY.staleness, lastGeneratedAt: lastAt, lastScoredAt: null };
    expect(healthNotes({ ...HEALTHY, staleness })).toEqual({
      signals: 'requests arrive, telemetry arrives, no score has come yet',
      reports: [],
      mended: [],
    });
  });

  it('say who is silent since when, and how much is missing', () => {
    const staleness = { ...SCORES_SILENT.staleness, lastScoredAt: null, owedScores: 1_200 };
    expect(healthNotes({ ...HEALTHY, staleness }).signals).toMatch(
      /^the scorer is silent \(last score never, last request .*; about 1\u202f200 scores are missing\)$/,
    );
    const none = { ...HEALTHY.staleness, status: 'no-traffic', lastRoutedAt: null } as const;
    expect(healthNotes({ ...HEALTHY, staleness: none }).signals).toBe('no requests (last request never)');
  });

  it('have words for every kind of value that is read for what it means', () => {
    const mended = Object.fromEntries(mendKinds.map((kind) => [kind, 12]));
    const said = healthNotes({ ...HEALTHY, mended }).mended;
    expect(said).toHaveLength(mendKinds.length);
    expect(new Set(said).size).toBe(mendKinds.length);
    expect(said).toContain('12 percentages where shares were meant');
    for (const kind of mendKinds) expect(said).not.toContain(`12 ${kind}`);
  });
});
