import { expect, it, vi } from 'vitest';

it('counts the process once, however many apps are in it', async () => {
  // As in a process that has just begun.
  vi.resetModules();
  const { createRegistry } = await import('./metrics.js');
  const texts = await Promise.all([createRegistry(), createRegistry(), createRegistry()].map((one) => one.metrics()));
  expect(texts.map((text) => text.includes('process_cpu_seconds_total'))).toEqual([true, false, false]);
});
