import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { TeststripEvent } from '#libs/contracts';
import { UnprocessableEventError } from '#libs/messaging';
import type { ControllerLoop } from '../controller-loop.js';
import { UnstorableDecisionError } from '../deciding/decision-log.js';
import { UndecidableError, type Decisions } from '../deciding/decisions.js';
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
    await orUnprocessable(() => this.decisions.analysed(data, traceparent));
  }

  @EventPattern<string>('allocation.applied.v1')
  async applied(@Payload() { data }: TeststripEvent<'allocation.applied.v1'>): Promise<void> {
    await orUnprocessable(() => this.decisions.applied(data));
  }
}

/** A message on which nothing can be decided goes to the dead letters: it must not hold up those behind it. */
async function orUnprocessable(decide: () => Promise<void>): Promise<void> {
  try {
    await decide();
  } catch (error) {
    if (!(error instanceof UndecidableError || error instanceof UnstorableDecisionError)) throw error;
    throw new UnprocessableEventError(error.message, { cause: error });
  }
}
