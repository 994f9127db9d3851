import { describe, expect, it } from 'vitest';
import { Lanes } from './lanes.js';

describe('lanes', () => {
  it('do the work of a key one after the other, urgent work first, and wait for no other key', async () => {
    const lanes = new Lanes();
    const done: string[] = [];
    let release: (() => void) | undefined;
    const stuck = lanes.run('a', () => new Promise<void>((resolve) => (release = resolve)));
    const note = (name: string) => async () => void done.push(name);
    const later = [lanes.run('a', note('analysis')), lanes.run('a', note('order'), { urgent: true })];
    await lanes.run('b', note('of another'));
    expect(done).toEqual(['of another']);
    release?.();
    await Promise.all([stuck, ...later]);
    expect(done).toEqual(['of another', 'order', 'analysis']);
  });

  it('give a failure to its caller alone', async () => {
    const lanes = new Lanes();
    const failing = lanes.run('a', () => Promise.reject(new Error('the log is away')));
    const next = lanes.run('a', () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('the log is away');
    expect(await next).toBe('done');
    await lanes.idle();
  });
});
