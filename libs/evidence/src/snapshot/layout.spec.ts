import { describe, expect, it } from 'vitest';
import { meanMethod } from '../kinds/mean-method.js';
import { formBy, storedLayoutOf } from './layout.js';

describe('the layout of stored evidence', () => {
  it('depends on the kinds that are stored, not on their order or number', () => {
    expect(storedLayoutOf(['mean', 'rate', 'mean'])).toBe(storedLayoutOf(['rate', 'mean']));
    expect(storedLayoutOf(['mean', 'rate'])).not.toBe(storedLayoutOf(['mean']));
    expect(storedLayoutOf(['a kind of the future'])).not.toBe(storedLayoutOf([]));
  });

  it('is another one when a field of what is stored has another name, another form or another content', () => {
    const today = formBy(meanMethod, 'mean');
    const renamed = {
      ...meanMethod,
      encode: (state: Parameters<typeof meanMethod.encode>[0]) => ({ all: meanMethod.encode(state) }),
    };
    const missing = {
      ...meanMethod,
      encode: (state: Parameters<typeof meanMethod.encode>[0]) =>
        meanMethod.encode({ ...state, counts: { ...state.counts, units: { control: 0, candidate: 0 } } }),
    };
    const doubled: typeof meanMethod = {
      ...meanMethod,
      observe: (state, metric, seen, units) =>
        meanMethod.observe(state, metric, { ...seen, value: 2 * seen.value }, units),
    };
    const forms = [renamed, missing, doubled].map((method) => formBy(method, 'mean'));
    expect(new Set([today, ...forms]).size).toBe(4);
    expect(formBy(meanMethod, 'mean')).toBe(today);
  });
});
