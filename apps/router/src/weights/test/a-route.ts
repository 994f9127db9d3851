import { prepareRules } from '#libs/assignment';
import type { AllocationCommanded, WeightsPpm } from '#libs/contracts';
import type { ExperimentRoute } from '../../routing/routing-table.js';
import { parseUpstream } from '../../routing/upstream.js';

/** A service with a canary under way, as its orders make it: variants with these shares, each served from a host of its name. */
export function aRoute(
  weightsPpm: WeightsPpm,
  { epoch = 7, ...changes }: Partial<ExperimentRoute> & { readonly epoch?: number } = {},
): ExperimentRoute {
  const variants = Object.keys(weightsPpm);
  const rules = {
    experiment: 'exp',
    revision: 2,
    epoch,
    stage: 1,
    control: 'control',
    variants,
    weightsPpm,
    audience: [],
  };
  return {
    kind: 'experiment',
    service: 'text-to-image',
    rules: prepareRules(rules),
    unit: 'user',
    upstreams: new Map(variants.map((name) => [name, parseUpstream(`http://${name}:8000`)])),
    parameters: new Map(),
    failSafeAfterMs: 30_000,
    command: { commandId: 'one' } as AllocationCommanded,
    ...changes,
  };
}
