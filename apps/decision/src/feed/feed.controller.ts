import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { TeststripEvent } from '#libs/contracts';
import type { ControllerLoop } from '../controller-loop.js';
import type { Decisions } from '../deciding/decisions.js';
import { CONTROLLER_LOOP, DECISIONS } from '../tokens.js';

/** What the bus tells the decision service. */
@Controller()
export class FeedController {
  constructor(
    @Inject(DECISIONS) private readonly decisions: Decisions,
    @Inject(CONTROLLER_LOOP) private readonly loop: ControllerLoop,
  ) {}

  @EventPattern<string>('experiment.analysed.v1')
  async analysed(@Payload() { data, traceparent }: TeststripEvent<'experiment.analysed.v1'>): Promise<void> {
    this.loop.heardHere(data.experiment);
    await this.decisions.analysed(data, traceparent);
  }

  @EventPattern<string>('allocation.applied.v1')
  async applied(@Payload() { data, traceparent }: TeststripEvent<'allocation.applied.v1'>): Promise<void> {
    await this.decisions.applied(data, traceparent);
  }
}
