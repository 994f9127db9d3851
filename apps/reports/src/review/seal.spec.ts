import { expect, it } from 'vitest';
import { z } from 'zod';
import { Seal } from './seal.js';

const side = z.object({ variant: z.string() });

it('opens what it has sealed, tells nothing of it, and opens nothing else', () => {
  const seal = new Seal();
  const [one, other] = [seal.seal({ variant: 'candidate' }), seal.seal({ variant: 'candidate' })];
  expect(seal.open(one, side)).toEqual({ variant: 'candidate' });
  expect(one).not.toBe(other);
  expect(Buffer.from(one, 'base64url').toString('latin1')).not.toContain('candidate');
  expect(new Seal().open(one, side)).toBeUndefined();
  expect(seal.open(`${one.slice(0, -2)}${one.endsWith('AA') ? 'BB' : 'AA'}`, side)).toBeUndefined();
  expect(seal.open('', side)).toBeUndefined();
  expect(seal.open(seal.seal({ other: 1 }), side)).toBeUndefined();
});
