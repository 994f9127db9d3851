import { describe, expect, it } from 'vitest';
import { needsUnitNames, unitNames } from './unit-names.js';

const waiting = { because: () => undefined, over: () => undefined, signal: new AbortController().signal };
const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
const opened = async (environment: Readonly<Record<string, string>>) =>
  (await needsUnitNames.open(environment, { clientId: 'test', logger, waiting, opened: () => undefined })).resource;

describe('the name of a unit', () => {
  it('is the same for one unit under one key, and tells nothing of it', () => {
    const names = unitNames(['a key of sixteen letters']);
    expect(names.of('anna@example.com')).toMatch(/^[\w-]{22}$/);
    expect(names.of('anna@example.com')).toBe(names.of('anna@example.com'));
    expect(names.of('anna@example.org')).not.toBe(names.of('anna@example.com'));
    expect(unitNames(['another key of letters']).of('anna@example.com')).not.toBe(names.of('anna@example.com'));
  });

  it('is found under every key that there was, and as it is', () => {
    const [now, before] = ['a newer key of letters', 'a key of sixteen letters'];
    expect(unitNames([now, before]).allOf('user-1')).toEqual([
      'user-1',
      unitNames([now]).of('user-1'),
      unitNames([before]).of('user-1'),
    ]);
    expect(unitNames([now, before]).of('user-1')).toBe(unitNames([now]).of('user-1'));
  });

  it('is its own without a key, and short keys are refused', async () => {
    expect(await opened({})).toBeUndefined();
    expect((await opened({ UNIT_KEYS: 'a key of sixteen letters' }))?.of('user-1')).toBe(
      unitNames(['a key of sixteen letters']).of('user-1'),
    );
    expect(() => needsUnitNames.check({ UNIT_KEYS: 'a key of sixteen letters,short' })).toThrow(
      /UNIT_KEYS.*at least 16/s,
    );
  });
});
