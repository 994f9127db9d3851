import { concat, distinctUntilChanged, exhaustMap, of, share, timer, type Observable } from 'rxjs';
import type { ExperimentSummary } from '../summary/experiment-summary.js';
import type { SummaryReader } from '../summary/summary-reader.js';

/** Looks at each watched experiment once per period, however many people watch it, and not at all when nobody does. */
export class LiveSummaries {
  private readonly watched = new Map<string, Observable<ExperimentSummary>>();

  constructor(
    private readonly summaries: SummaryReader,
    private readonly everyMs: number,
  ) {}

  /** The summary now, and again after every change. @throws ProblemException 404 for an unknown experiment, before anything is sent. */
  async of(experiment: string): Promise<Observable<ExperimentSummary>> {
    const first = await this.summaries.summary(experiment);
    return concat(of(first), this.changes(experiment)).pipe(
      distinctUntilChanged((before, after) => comparable(before) === comparable(after)),
    );
  }

  private changes(experiment: string): Observable<ExperimentSummary> {
    const known = this.watched.get(experiment);
    if (known) return known;
    const changes = timer(this.everyMs, this.everyMs).pipe(
      exhaustMap(() => this.summaries.summary(experiment)),
      share(),
    );
    this.watched.set(experiment, changes);
    return changes;
  }
}

/** The silence of the controller grows all the time; it is news only once it is long. */
function comparable({ controller, ...rest }: ExperimentSummary): string {
  return JSON.stringify([rest, controller && Math.floor(controller.silentMs / 5_000)]);
}
