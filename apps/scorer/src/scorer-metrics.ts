import { Counter, Gauge, type Registry } from 'prom-client';
import { blindAuc, initialSeparation, noteSeparation, type Separation } from '#libs/evidence';
import type { GenerationEvent, ScoredEvent } from './scored-event.js';

/** What became of a generation's event here. */
export type GenerationFate = 'scored' | 'sampled-out' | 'failed';

/** Counts what was scored and what was not, by experiment and variant: the coverage of the scores. */
export class ScorerMetrics {
  private readonly generations;
  private readonly pictures;
  private readonly samplingRate;
  private readonly separation;
  private readonly counts: Record<GenerationFate, number> = { scored: 0, 'sampled-out': 0, failed: 0 };
  private readonly separations = new Map<string, Separation>();
  private rate = 1;

  constructor(registry: Registry) {
    const registers = [registry];
    this.generations = new Counter({
      name: 'teststrip_scorer_generations_total',
      help: 'Generations seen, by what became of them: scored (each picture has a row), sampled-out, failed (made no picture).',
      labelNames: ['experiment', 'variant', 'fate'] as const,
      registers,
    });
    this.pictures = new Counter({
      name: 'teststrip_scorer_pictures_total',
      help: 'Rows published, by outcome.',
      labelNames: ['experiment', 'variant', 'outcome'] as const,
      registers,
    });
    this.separation = new Gauge({
      name: 'teststrip_scorer_separation',
      help: 'AUC of alignment by service: how well the model tells the own prompts of recent pictures from those of others; 0.5 is chance.',
      labelNames: ['service'] as const,
      registers,
    });
    this.samplingRate = new Gauge({
      name: 'teststrip_scorer_sampling_rate',
      help: 'Share of generations that is scored at present.',
      registers,
    });
  }

  countGeneration(event: GenerationEvent, fate: GenerationFate): void {
    this.generations.inc({ ...variantOf(event), fate });
    this.counts[fate] += 1;
  }

  countPicture(event: ScoredEvent): void {
    this.pictures.inc({ ...variantOf(event), outcome: event.data.outcome });
    const { service } = event.data;
    const separation = this.separations.get(service) ?? initialSeparation();
    noteSeparation(separation, event.data);
    if (separation.pictures === 0) return;
    this.separations.set(service, separation);
    this.separation.set({ service }, separation.mean);
  }

  /**
   * By service, how well the model tells its pictures' own prompts from others (AUC of alignment), over how many of the latest ones, and whether
   * that is blindness.
   */
  separationByService(): Readonly<Record<string, { auc: number; pictures: number; isBlind: boolean }>> {
    return Object.fromEntries(
      [...this.separations].map(([service, separation]) => {
        const { mean: auc, pictures } = separation;
        return [service, { auc, pictures, isBlind: blindAuc(separation) !== null }];
      }),
    );
  }

  setSamplingRate(rate: number): void {
    this.rate = rate;
    this.samplingRate.set(rate);
  }

  /** Share of the generations with pictures that were scored since the start; null before the first. */
  status(): { readonly samplingRate: number; readonly coverage: number | null; readonly generations: object } {
    const withPictures = this.counts.scored + this.counts['sampled-out'];
    return {
      samplingRate: this.rate,
      coverage: withPictures === 0 ? null : this.counts.scored / withPictures,
      generations: { ...this.counts },
    };
  }
}

function variantOf(event: GenerationEvent | ScoredEvent): { readonly experiment: string; readonly variant: string } {
  const { assignment } = event.data;
  return { experiment: assignment?.experiment ?? '', variant: assignment?.variant ?? '' };
}
