import { Module, type DynamicModule } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { eventSource } from '#libs/contracts';
import { createEventPublisher, type EventBus } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { createFactReader } from '#libs/persistence/reports';
import {
  ClientLimit,
  type AddressRange,
  TrustedProxies,
  type Clock,
  type FeedbackTokens,
  type Identities,
  type IssuerSignIn,
} from '#libs/platform';
import { EventsController } from './events/events.controller.js';
import { EventsDesk } from './events/events-desk.js';
import { EventsMetrics } from './events/events-metrics.js';
import { FeedbackDesk } from './feedback/feedback-desk.js';
import { FeedbackLimits } from './feedback/feedback-limits.js';
import { FeedbackController } from './feedback/feedback.controller.js';
import { IdentityController } from './identity/identity.controller.js';
import { SignInController } from './identity/sign-in.controller.js';
import { LiveSummaries } from './live/live-summaries.js';
import { LiveController } from './live/live.controller.js';
import { loadPageFiles } from './page/page-files.js';
import { DecisionDoor } from './orders/decision-door.js';
import { OrdersController } from './orders/orders.controller.js';
import { PageController } from './page/page.controller.js';
import { PictureGallery } from './pictures/picture-gallery.js';
import { PicturesController } from './pictures/pictures.controller.js';
import { ReviewController } from './review/review.controller.js';
import { ReviewDesk } from './review/review-desk.js';
import { SummaryReader } from './summary/summary-reader.js';
import { SummaryController } from './summary/summary.controller.js';
import {
  DECISION_DOOR,
  EVENTS_DESK,
  FEEDBACK_DESK,
  IDENTITIES,
  ISSUER_SIGN_IN,
  LIVE_PLACES,
  LIVE_SUMMARIES,
  PAGE_FILES,
  PICTURE_GALLERY,
  REVIEW_DESK,
  SUMMARY_READER,
  TRUSTED_PROXIES,
} from './tokens.js';

/** Everything about the reports that an operator may choose. */
export interface ReportsSettings {
  /** Folders whose pictures may be shown. */
  readonly pictureRoots: readonly string[];
  /** How often a watched experiment is looked at, in milliseconds. */
  readonly liveEveryMs: number;
  /** The decision service, to which the page's orders go; undefined: the page gives none. */
  readonly decisionUrl: string | undefined;
  /** Whether feedback needs the token that the router gave. */
  readonly feedback: 'token' | 'open';
  readonly clientFeedbackPerMinute: number;
  /** Who may say for whom they ask. */
  readonly trustedProxies: readonly AddressRange[];
}

export interface ReportsModuleOptions extends ReportsSettings {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  /** Where events, feedback and judgements are published; stays the caller's. */
  readonly bus: Pick<EventBus, 'publish'>;
  /** Undefined where there are none: with `AUTH=off`. */
  readonly tokens?: FeedbackTokens | undefined;
  /** Whose tokens count. */
  readonly identities: Identities;
  /** Undefined where nobody signs in at an issuer. */
  readonly signIn?: IssuerSignIn | undefined;
  readonly clock: Clock;
  /** Registry of its metrics. */
  readonly metrics: Registry;
}

@Module({})
export class ReportsModule {
  static register(options: ReportsModuleOptions): DynamicModule {
    const { database, bus, tokens, pictureRoots, liveEveryMs, decisionUrl, clock, metrics } = options;
    const limits = new FeedbackLimits(options.clientFeedbackPerMinute, () => clock.nowMs());
    const facts = createFactReader(database);
    const publisher = createEventPublisher(bus, eventSource('reports', String(process.pid)));
    const desk = { facts, publisher, clock, limits, tokens: options.feedback === 'open' ? undefined : tokens };
    const summaries = new SummaryReader(facts, clock);
    const gallery = new PictureGallery(facts, pictureRoots);
    return {
      module: ReportsModule,
      controllers: [
        SummaryController,
        LiveController,
        PicturesController,
        FeedbackController,
        EventsController,
        ReviewController,
        OrdersController,
        IdentityController,
        SignInController,
        PageController,
      ],
      providers: [
        { provide: SUMMARY_READER, useValue: summaries },
        { provide: LIVE_SUMMARIES, useValue: new LiveSummaries(summaries, liveEveryMs) },
        { provide: LIVE_PLACES, useValue: new ClientLimit(undefined) },
        { provide: PICTURE_GALLERY, useValue: gallery },
        { provide: FEEDBACK_DESK, useValue: new FeedbackDesk(desk) },
        { provide: EVENTS_DESK, useValue: new EventsDesk({ bus, facts, clock, metrics: new EventsMetrics(metrics) }) },
        { provide: REVIEW_DESK, useValue: new ReviewDesk(facts, gallery, publisher, clock) },
        { provide: TRUSTED_PROXIES, useValue: new TrustedProxies(options.trustedProxies) },
        { provide: DECISION_DOOR, useValue: new DecisionDoor(decisionUrl) },
        { provide: IDENTITIES, useValue: options.identities },
        { provide: ISSUER_SIGN_IN, useValue: options.signIn },
        { provide: PAGE_FILES, useFactory: loadPageFiles },
      ],
    };
  }
}
