import type { z } from 'zod';
import { parseInput } from '../http/parse-input.js';
import { ProblemException } from '../http/problem.js';
import type { Identity } from './roles.js';

/** What an order of a person says at least. */
interface OrderBody {
  readonly actor?: string | undefined;
  readonly reason: string;
}

/**
 * The body of an order, with who gives it: whoever the token belongs to, never whom the body names. Only where nobody has a name (`AUTH=off`,
 * a token that several share) does the body say it.
 * @throws ProblemException 422 that says what to send
 */
export function parseOrder<Schema extends z.ZodType<OrderBody>>(
  schema: Schema,
  body: unknown,
  { name }: Identity,
): z.output<Schema> & { readonly actor: string } {
  const given = isNoObject(body) ? body : { ...(name === null ? { actor: '' } : {}), ...(body as object) };
  const parsed = parseInput(schema, given, 'body');
  if (name !== null && parsed.actor !== undefined) throw actorOfToken('actor', name);
  return { ...parsed, actor: name ?? (parsed.actor as string) };
}

/** @param field that says who orders something, though the token does */
export function actorOfToken(field: string, name: string): ProblemException {
  const detail = `${field}: your token says who orders this, ${name}; leave it out`;
  return new ProblemException({ title: "The order can't be used", status: 422, detail });
}

/** A missing body is one without fields. */
function isNoObject(body: unknown): boolean {
  return body !== undefined && Object.getPrototypeOf(body ?? 0) !== Object.prototype;
}
