import { Controller, Get, Header } from '@nestjs/common';
import { Caller, type Identity } from '#libs/platform';

@Controller('api/me')
export class IdentityController {
  /** Who the caller is, so that the page shows what they may do. */
  @Get()
  @Header('cache-control', 'no-store')
  me(@Caller() { name, roles }: Identity): Identity {
    return { name, roles };
  }
}
