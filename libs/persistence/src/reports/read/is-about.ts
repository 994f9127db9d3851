import { Between, type FindOperator } from 'typeorm';
import { digestsAbout } from '../../schema/fact-keys.js';

/** Beside the id itself: between these digests an index finds all events about it, and few others. */
export function isAbout(id: string): FindOperator<string> {
  const { from, to } = digestsAbout(id);
  return Between(from, to);
}
