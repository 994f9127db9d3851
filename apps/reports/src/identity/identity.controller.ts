import { Controller, Get, Header, Inject } from '@nestjs/common';
import { Caller, type Identity } from '#libs/platform';
import { DecisionDoor } from '../orders/decision-door.js';
import { DECISION_DOOR } from '../tokens.js';

/** Who looks at the page, and whether orders can be given from it. */
interface Onlooker extends Identity {
  readonly takesOrders: boolean;
}

@Controller('api/me')
export class IdentityController {
  constructor(@Inject(DECISION_DOOR) private readonly door: DecisionDoor) {}

  /** Who the caller is, so that the page shows what they may do. */
  @Get()
  @Header('cache-control', 'no-store')
  me(@Caller() { name, roles }: Identity): Onlooker {
    return { name, roles, takesOrders: this.door.isKnown };
  }
}
