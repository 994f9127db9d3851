import { createHash } from 'node:crypto';
import {
  concat,
  defer,
  distinctUntilChanged,
  exhaustMap,
  finalize,
  map,
  of,
  share,
  timer,
  type Observable,
} from 'rxjs';
import { ProblemException } from '#libs/platform';
import type { ExperimentSummary } from '../summary/experiment-summary.js';
import type { SummaryReader } from '../summary/summary-reader.js';

/** Streams at a time; each is a connection that stays open. */
const MOST_STREAMS = 500;

/** A summary as all who watch it get it. */
interface SerialisedSummary {
  readonly text: string;
  /** The same for as long as there is nothing new in it. */
  readonly digest: string;
}

/** Looks at each watched experiment once per period, however many people watch it, and not at all when nobody does. */
export class LiveSummaries {
  private readonly watched = new Map<string, Observable<SerialisedSummary>>();
  private streams = 0;
  /** Those whose first summary is being read: they are as many as ask at once. */
  private beginning = 0;

  constructor(
    private readonly summaries: Pick<SummaryReader, 'summary'>,
    private readonly everyMs: number,
    private readonly mostStreams = MOST_STREAMS,
  ) {}

  /**
   * The summary now as JSON, and again after every change.
   * @throws ProblemException 404 for an unknown experiment, 503 where too many watch, before anything is sent.
   */
  async of(experiment: string): Promise<Observable<string>> {
    if (this.streams + this.beginning >= this.mostStreams) throw tooMany(this.mostStreams);
    const first = await this.firstOf(experiment);
    return defer(() => {
      this.streams += 1;
      return concat(of(first), this.changes(experiment));
    }).pipe(
      distinctUntilChanged((before, after) => before.digest === after.digest),
      map(({ text }) => text),
      finalize(() => (this.streams -= 1)),
    );
  }

  private async firstOf(experiment: string): Promise<SerialisedSummary> {
    this.beginning += 1;
    try {
      return serialised(await this.summaries.summary(experiment));
    } finally {
      this.beginning -= 1;
    }
  }

  private changes(experiment: string): Observable<SerialisedSummary> {
    const known = this.watched.get(experiment);
    if (known) return known;
    const changes = timer(this.everyMs, this.everyMs).pipe(
      exhaustMap(() => this.summaries.summary(experiment)),
      map(serialised),
      share(),
    );
    this.watched.set(experiment, changes);
    return changes;
  }
}

function tooMany(most: number): ProblemException {
  const detail = `${most} streams are open: expected fewer; ask for the summary from time to time instead`;
  return new ProblemException({ title: 'Too many streams', status: 503, detail });
}

/** The silence of the controller grows all the time; it is news only once it is long. */
function serialised(summary: ExperimentSummary): SerialisedSummary {
  const { controller, ...rest } = summary;
  const news = JSON.stringify([rest, controller && Math.floor(controller.silentMs / 5_000)]);
  return { text: JSON.stringify(summary), digest: createHash('sha1').update(news).digest('base64') };
}
