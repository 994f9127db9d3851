import { Counter, type Registry } from 'prom-client';
import type { DeliveryEvent, HeldState } from '#libs/delivery';
import { hopSeconds, labelledGauge, type NoteHop } from '#libs/platform';

/** What people have to look at although nothing is ordered, for who watches by metrics: alerts, and ramps that stand still; and how long orders take. */
export class DecisionMetrics {
  private readonly alerts;
  private readonly hop: NoteHop;

  /** @param heldNow the experiments that are held at present */
  constructor(registry: Registry, heldNow: () => readonly Pick<HeldState, 'experiment' | 'causes'>[]) {
    this.alerts = new Counter({
      name: 'teststrip_decision_alerts_total',
      help: 'Alerts that were raised by this process, by experiment and kind.',
      labelNames: ['experiment', 'alert'] as const,
      registers: [registry],
    });
    this.hop = hopSeconds(registry);
    labelledGauge(
      registry,
      {
        name: 'teststrip_decision_held',
        help: '1 for each cause why the candidate of an experiment cannot be judged at present.',
        labelNames: ['experiment', 'cause'],
      },
      (set) => {
        for (const { experiment, causes } of heldNow()) for (const cause of causes) set({ experiment, cause }, 1);
      },
    );
  }

  count(experiment: string, events: readonly DeliveryEvent[]): void {
    for (const event of events) {
      if (event.type === 'alert-raised') this.alerts.inc({ experiment, alert: event.alert });
      if (!('command' in event) || event.command.evidence === null) continue;
      const { evidence, commandedAt } = event.command;
      this.hop('analysis-to-command', evidence.analysedAt, Date.parse(commandedAt));
    }
  }
}
