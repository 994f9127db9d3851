import { Module, type DynamicModule } from '@nestjs/common';
import { eventSource } from '#libs/contracts';
import { createEventPublisher, type EventBus } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { createFactReader } from '#libs/persistence/reports';
import type { Clock } from '#libs/platform';
import { FeedbackDesk } from './feedback/feedback-desk.js';
import { FeedbackController } from './feedback/feedback.controller.js';
import { LiveSummaries } from './live/live-summaries.js';
import { LiveController } from './live/live.controller.js';
import { loadPageFiles } from './page/page-files.js';
import { PageController } from './page/page.controller.js';
import { PictureGallery } from './pictures/picture-gallery.js';
import { PicturesController } from './pictures/pictures.controller.js';
import { SummaryReader } from './summary/summary-reader.js';
import { SummaryController } from './summary/summary.controller.js';
import { FEEDBACK_DESK, LIVE_SUMMARIES, PAGE_FILES, PICTURE_GALLERY, SUMMARY_READER } from './tokens.js';

/** Everything about the reports that an operator may choose. */
export interface ReportsSettings {
  /** Folders whose pictures may be shown. */
  readonly pictureRoots: readonly string[];
  /** How often a watched experiment is looked at, in milliseconds. */
  readonly liveEveryMs: number;
}

export interface ReportsModuleOptions extends ReportsSettings {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  /** Where feedback is published; stays the caller's. */
  readonly bus: Pick<EventBus, 'publish'>;
  readonly clock: Clock;
}

@Module({})
export class ReportsModule {
  static register(options: ReportsModuleOptions): DynamicModule {
    const { database, bus, pictureRoots, liveEveryMs, clock } = options;
    const facts = createFactReader(database);
    const publisher = createEventPublisher(bus, eventSource('reports', String(process.pid)));
    const summaries = new SummaryReader(facts, clock);
    return {
      module: ReportsModule,
      controllers: [SummaryController, LiveController, PicturesController, FeedbackController, PageController],
      providers: [
        { provide: SUMMARY_READER, useValue: summaries },
        { provide: LIVE_SUMMARIES, useValue: new LiveSummaries(summaries, liveEveryMs) },
        { provide: PICTURE_GALLERY, useValue: new PictureGallery(facts, pictureRoots) },
        { provide: FEEDBACK_DESK, useValue: new FeedbackDesk(facts, publisher, clock) },
        { provide: PAGE_FILES, useFactory: loadPageFiles },
      ],
    };
  }
}
