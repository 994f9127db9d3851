import { eventSource } from '#libs/contracts';
import {
  Inject,
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { EventBus } from '#libs/messaging';
import { createTelemetry, eventsOverHttp } from '#libs/telemetry';
import { startInference, type InferenceSettings, type RunningInference } from './inference-server.js';
import { warmUp } from './warm-up.js';

/** What it is set to, and what it is told of other services. */
interface InferenceModuleSettings extends InferenceSettings {
  /** With which routers sign assignments; undefined: none is checked. */
  readonly assignmentKey: string | undefined;
}

const SETTINGS = Symbol('SETTINGS');
const BUS = Symbol('BUS');

/** The simulated service beside the skeleton: it has a server of its own, and only the telemetry library in common with the rest. */
@Module({})
export class InferenceModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private running: RunningInference | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: InferenceModuleSettings,
    @Inject(BUS) private readonly bus: Pick<EventBus, 'publish'>,
  ) {}

  static register(settings: InferenceModuleSettings, bus: Pick<EventBus, 'publish'>): DynamicModule {
    return {
      module: InferenceModule,
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: BUS, useValue: bus },
      ],
    };
  }

  /** Where it listens and what it serves; known once started. */
  get facts(): Pick<RunningInference, 'url' | 'fingerprint'> {
    const { url, fingerprint } = this.running!;
    return { url, fingerprint };
  }

  async onApplicationBootstrap(): Promise<void> {
    const {
      service,
      instance,
      warmUpRequests,
      eventsUrl: url,
      eventsToken: token,
      eventsSpool: folder,
      assignmentKey,
    } = this.settings;
    const logger = new Logger('inference');
    const options = {
      ...this.settings,
      telemetry: createTelemetry({
        bus: url === undefined ? this.bus : eventsOverHttp({ url, token }),
        spool: folder === undefined ? undefined : { folder },
        service,
        source: eventSource('inference', `${service}-${process.pid}`),
        instance,
        assignmentKey,
        onTrouble: (message) => logger.warn(message),
      }),
    };
    await warmUp(options, warmUpRequests);
    this.running = await startInference(options);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.close();
  }
}
