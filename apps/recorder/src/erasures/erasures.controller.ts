import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import type { ErasedRows, FactStore } from '#libs/persistence/recorder';
import { Caller, parseOrder, type Identity, type UnitNames } from '#libs/platform';
import { erasureBody } from '../api.js';
import { FACT_STORE, UNIT_NAMES } from '../tokens.js';

/** The facts of a person who wants to be forgotten; what was counted stays. */
@Controller('v1/erasures')
export class ErasuresController {
  constructor(
    @Inject(FACT_STORE) private readonly facts: Pick<FactStore, 'erase'>,
    @Inject(UNIT_NAMES) private readonly unitNames: Pick<UnitNames, 'allOf'>,
  ) {}

  @Post()
  @HttpCode(200)
  async erase(@Caller() caller: Identity, @Body() body: unknown): Promise<{ readonly rows: ErasedRows }> {
    const { unit, actor, reason } = parseOrder(erasureBody, body, caller);
    return { rows: await this.facts.erase({ names: this.unitNames.allOf(unit), actor, reason }) };
  }
}
