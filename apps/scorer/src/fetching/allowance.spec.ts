import { expect, it } from 'vitest';
import { Allowance } from './allowance.js';

it('lets who finds too little left wait in turn, a small one behind a large one, and one too large have all of it', async () => {
  const allowance = new Allowance(10);
  const order: string[] = [];
  const take = async (name: string, amount: number): Promise<number> => {
    const taken = await allowance.take(amount);
    order.push(name);
    return taken;
  };
  await take('first', 8);
  const all = take('too large', 100);
  const small = take('small', 1);
  await Promise.resolve();
  expect([order, allowance.taken]).toEqual([['first'], 8]);
  allowance.giveBack(8);
  expect(await all).toBe(10);
  allowance.giveBack(10);
  await small;
  expect([order, allowance.taken]).toEqual([['first', 'too large', 'small'], 1]);
});
