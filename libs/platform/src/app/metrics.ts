import { collectDefaultMetrics, Registry } from 'prom-client';

let isProcessCovered = false;

/**
 * A registry for one app. The metrics of the process itself (memory, event loop, garbage collection) stand in the registry of the first app
 * of a process, so that they are counted once where several apps share it.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  if (!isProcessCovered) {
    isProcessCovered = true;
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
