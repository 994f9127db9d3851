import { z } from 'zod';

/** What somebody may do on a service; each role may do all that those before it may. */
export const ROLES = ['viewer', 'reviewer', 'reporter', 'operator', 'admin'] as const;
export const role = z.enum(ROLES, `expected one of ${ROLES.join(', ')}`);
export type Role = z.output<typeof role>;

/** Stands for every service in {@link Identity.roles}. */
export const EVERY_SERVICE = '*';

/** Somebody who sends requests. */
export interface Identity {
  /** Who it is in the audit log; null where nobody has a name (`AUTH=off`), and bodies say who orders. */
  readonly name: string | null;
  /** By service, or `*` for every service; of the two the higher one counts. */
  readonly roles: Readonly<Record<string, Role>>;
}

/** Whether somebody may do what needs `needed` on a service; without one, whether there is any service on which they may. */
export function hasRole({ roles }: Identity, needed: Role, service?: string): boolean {
  const held = service === undefined ? Object.values(roles) : [roles[EVERY_SERVICE], own(roles, service)];
  return held.some((one) => one !== undefined && ROLES.indexOf(one) >= ROLES.indexOf(needed));
}

/** "the role operator on text-to-image, viewer on every service", for people. */
export function rolesInWords({ roles }: Identity): string {
  const held = Object.entries(roles).map(
    ([service, one]) => `${one} on ${service === EVERY_SERVICE ? 'every service' : service}`,
  );
  return held.length === 0 ? 'no role' : `the role ${held.join(', ')}`;
}

function own(roles: Identity['roles'], service: string): Role | undefined {
  return Object.hasOwn(roles, service) ? roles[service] : undefined;
}
