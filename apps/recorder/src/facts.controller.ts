import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { BatchEventPattern, type EventBatch } from '#libs/messaging';
import { FactRecorder } from './fact-recorder.js';
import { FACT_RECORDER } from './tokens.js';

/** Every topic whose events are kept. */
@Controller()
export class FactsController {
  constructor(@Inject(FACT_RECORDER) private readonly recorder: FactRecorder) {}

  @BatchEventPattern(
    'request.routed.v1',
    'generation.completed.v1',
    'image.scored.v1',
    'feedback.recorded.v1',
    'preference.judged.v1',
    'experiment.defined.v1',
    'experiment.analysed.v1',
    'allocation.commanded.v1',
    'allocation.applied.v1',
    'controller.heartbeat.v1',
  )
  record(@Payload() batch: EventBatch): Promise<void> {
    return this.recorder.record(batch);
  }
}
