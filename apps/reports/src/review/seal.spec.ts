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

it('tells nothing by its length: ids of one variant may be longer than those of the other', () => {
  const seal = new Seal();
  const lengths = ['control-1', 'candidate-with-a-longer-name-1', 'ü'.repeat(60)].map((id) => seal.seal({ id }).length);
  expect(new Set(lengths).size).toBe(1);
  expect(seal.open(seal.seal({ variant: 'a'.repeat(600) }), side)).toEqual({ variant: 'a'.repeat(600) });
});
