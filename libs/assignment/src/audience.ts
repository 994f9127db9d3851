import type { AudienceRule } from '#libs/contracts';

/** What is known of who asks, e.g. `{ plan: 'pro', country: 'de' }`. */
export type Attributes = Readonly<Record<string, string>>;

/** Whether every rule holds; a missing attribute matches no rule, and no rules match everybody. */
export function matchesAudience(audience: readonly AudienceRule[], attributes: Attributes): boolean {
  return audience.every((rule) => {
    const value = Object.hasOwn(attributes, rule.attribute) ? attributes[rule.attribute] : undefined;
    return value !== undefined && rule.in.includes(value);
  });
}
