import { expect, it } from 'vitest';
import { runningCanary } from '#libs/testing/traffic';
import { Allocations } from './allocations.js';
import { ControllerWatch } from './controller-watch.js';
import type { CommandOutcome } from './experiment-state.js';

function aRouter() {
  const answers: CommandOutcome[] = [];
  const allocations = new Allocations({
    upstreams: new Map(),
    routes: [],
    watch: new ControllerWatch(() => 0),
    onCommand: (_command, answer) => void answers.push(answer),
    onChange: () => undefined,
  });
  let given = 0;
  /** @returns what became of an order of that epoch */
  const order = (epoch: number): CommandOutcome | undefined => {
    given += 1;
    const baseline = { upstream: 'http://control:8000/', fingerprint: 'a' };
    const [defined, ordered] = runningCanary(10_000, { order: { epoch, commandId: `order-${given}`, baseline } });
    allocations.define(defined.data);
    allocations.command(ordered.data);
    return answers.at(-1);
  };
  return { allocations, order };
}

const implausible = { outcome: 'refused', reason: 'implausible-epoch' };

it('obeys no epoch that no controller comes to, which would leave none for the rollback after it', () => {
  const { order } = aRouter();
  expect(order(7)).toEqual({ outcome: 'applied' });
  expect(order(2 ** 31 - 1)).toEqual(implausible);
  expect(order(7 + 100_002)).toEqual(implausible);
  expect(order(8)).toEqual({ outcome: 'applied' });
  expect(order(8 + 100_001)).toEqual({ outcome: 'applied' });
});

it('obeys one from far away where a sign of life has named it, where nothing is known, and in a log that is read from its beginning', () => {
  const { allocations, order } = aRouter();
  expect(order(500_000)).toEqual({ outcome: 'applied' });
  const services = { 'text-to-image': 700_000 };
  allocations.heartbeat({ controller: 'decision-1', at: new Date().toISOString(), running: [], services }, 'a');
  expect(order(700_001)).toEqual({ outcome: 'applied' });
  allocations.restore({ experiments: [], services: [], brokenGlass: [] }, false);
  expect([order(7), order(900_000)]).toEqual([{ outcome: 'applied' }, { outcome: 'applied' }]);
  allocations.confirm();
  expect(order(1_900_000)).toEqual(implausible);
});
