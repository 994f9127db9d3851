import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { HoldCause } from '#libs/delivery';
import { DecisionMetrics } from './decision-metrics.js';

const T0 = Date.parse('2026-11-20T10:00:00.000Z');

describe('metrics of the decision service', () => {
  it('count alerts, and say what is held for as long as it is', async () => {
    const registry = new Registry();
    const held: { experiment: string; causes: HoldCause[] }[] = [
      { experiment: 'int8', causes: ['inconsistent-reports'] },
    ];
    const metrics = new DecisionMetrics(registry, () => held);
    metrics.count('int8', [
      { type: 'alert-raised', atMs: T0, actor: 'controller', alert: 'foreign-configuration', message: 'z answers' },
      { type: 'approved', atMs: T0, actor: 'ana', stage: 1, note: '' },
    ]);
    expect(await registry.metrics()).toContain(
      'teststrip_decision_alerts_total{experiment="int8",alert="foreign-configuration"} 1\n',
    );
    expect(await registry.metrics()).toContain(
      'teststrip_decision_held{experiment="int8",cause="inconsistent-reports"} 1\n',
    );
    held.pop();
    expect(await registry.metrics()).not.toContain('teststrip_decision_held{');
  });
});
