import { describe, expect, it } from 'vitest';
import { meanMethod } from '../kinds/mean-method.js';
import { formBy, layoutOf } from './layout.js';

describe('the layout of stored evidence', () => {
  it('depends on the kinds that are stored, not on their order or number', () => {
    expect(layoutOf(['mean', 'rate', 'mean'])).toBe(layoutOf(['rate', 'mean']));
    expect(layoutOf(['mean', 'rate'])).not.toBe(layoutOf(['mean']));
    expect(layoutOf(['a kind of the future'])).not.toBe(layoutOf([]));
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
