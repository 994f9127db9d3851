import { createParamDecorator, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, Response } from 'express';
import { operationAt, type ApiDescription, type ApiOperation } from '../http/open-api.js';
import { ProblemException } from '../http/problem.js';
import { takeBody } from '../http/take-body.js';
import type { Identities, Unidentified } from './identities.js';
import { hasRole, rolesInWords, type Identity, type Role } from './roles.js';

/** Who may use an app's routes. */
export interface Access {
  readonly identities: Identities;
  /** Services that a request is about; none where it is about no service that is known. */
  servicesOf(request: Request): readonly string[] | Promise<readonly string[]>;
}

/** What somebody was let through to. */
interface Asked {
  readonly needed: Role;
  readonly services: readonly string[];
}

const IDENTITY = Symbol('identity');
type IdentifiedRequest = Request & { [IDENTITY]?: Identity };

/** Parameter of a handler: the {@link Identity} that sends the request. */
export const Caller = createParamDecorator((_data: unknown, context: ExecutionContext): Identity =>
  callerOf(context.switchToHttp().getRequest<Request>()),
);

/** Who sends a request that the guard has let through. */
export function callerOf(request: Request): Identity {
  const identity = (request as IdentifiedRequest)[IDENTITY];
  if (!identity) throw new Error('the route is open to anybody: nobody has asked who calls');
  return identity;
}

/** How often refusals are told at most. */
const TELL_EVERY_MS = 1_000;
/** How often it is looked whether somebody may still have an answer that goes on. */
const LOOK_AGAIN_EVERY_MS = 2_000;

/**
 * Lets through who has the role that the route's description asks for (`x-role`), on every service that the request is about. A route
 * that no description knows lets nobody through. An answer that goes on (a live stream) ends when whoever gets it may not have it any more.
 */
export class AccessGuard implements CanActivate {
  private readonly logger = new Logger('access');
  private refusals = 0;
  private toldAtMs = -Infinity;

  constructor(
    private readonly api: ApiDescription,
    private readonly access: Access,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<IdentifiedRequest>();
    const operation = this.operationOf(request);
    const { 'x-role': needed } = operation;
    if (needed === 'anybody') {
      await takeBody(request, operation);
      return true;
    }
    const response = context.switchToHttp().getResponse<Response>();
    const identity = await this.identify(request, response, needed);
    // Who may do it nowhere is told so before anybody reads what they send.
    if (!hasRole(identity, needed)) throw forbidden(identity, needed);
    await takeBody(request, operation);
    const services = await this.access.servicesOf(request);
    for (const service of services) {
      if (!hasRole(identity, needed, service)) throw forbidden(identity, needed, service);
    }
    request[IDENTITY] = identity;
    this.endWhenOver(request, response, { needed, services });
    return true;
  }

  /** A token that is taken back, or has run out, ends what it has begun. */
  private endWhenOver(request: Request, response: Response, asked: Asked): void {
    if (response.destroyed) return;
    const looking = setInterval(() => {
      // What can't be asked at present takes nothing away.
      void this.mayStill(request, asked).then(
        (may) => may || response.destroy(),
        () => undefined,
      );
    }, LOOK_AGAIN_EVERY_MS).unref();
    response.once('close', () => clearInterval(looking));
  }

  private async mayStill(request: Request, { needed, services }: Asked): Promise<boolean> {
    const identity = await this.known(request, needed);
    if ('reason' in identity || !hasRole(identity, needed)) return false;
    return services.every((service) => hasRole(identity, needed, service));
  }

  private operationOf({ method, route }: Request): ApiOperation {
    const { path } = route as { readonly path: string };
    const found = operationAt(this.api, method, path);
    if (found !== undefined) return found;
    const detail = `${method} ${path} says nowhere who may use it: nobody may`;
    throw new ProblemException({ title: 'Not allowed', status: 403, detail });
  }

  private async identify(request: Request, response: Response, needed: Role): Promise<Identity> {
    const found = await this.known(request, needed);
    if (!('reason' in found)) return found;
    response.setHeader('www-authenticate', 'Bearer realm="teststrip"');
    throw this.unauthorised(found);
  }

  private async known(request: Request, needed: Role): Promise<Identity | Unidentified> {
    const { identities } = this.access;
    const found = await identities.identify(request);
    const isNobody = 'reason' in found && found.reason === 'no-token';
    return isNobody && needed === 'viewer' && identities.reader ? identities.reader : found;
  }

  private unauthorised({ reason, expected }: Unidentified): ProblemException {
    if (reason === 'wrong-token') this.tell();
    return new ProblemException({ title: 'Not identified', status: 401, detail: expected });
  }

  /** Somebody may be guessing: that is told, a second apart at least. */
  private tell(): void {
    this.refusals += 1;
    const nowMs = performance.now();
    if (nowMs - this.toldAtMs < TELL_EVERY_MS) return;
    this.logger.warn(`refused ${this.refusals} requests with a token that nobody has since this was told last`);
    this.toldAtMs = nowMs;
    this.refusals = 0;
  }
}

function forbidden(identity: Identity, needed: Role, service?: string): ProblemException {
  const where = service === undefined ? '' : ` on ${service}`;
  const detail = `${identity.name} has ${rolesInWords(identity)}; expected ${needed}${where}`;
  return new ProblemException({ title: 'Not allowed', status: 403, detail });
}
