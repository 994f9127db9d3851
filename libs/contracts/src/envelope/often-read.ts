import { z } from 'zod';

/** Readings before a schema is compiled, which takes as long as some thousand readings of it: what is read a few times in a process's life is not. */
const READ_OFTEN = 500;

/**
 * A schema that is read for every event. Once it has been read often it is compiled (`z.compile`: code is generated that does what the schema says, several times as
 * fast, and hands what breaks it to the schema itself, so that errors are the same).
 */
export class OftenRead<Schema extends z.ZodType = z.ZodType> {
  private readings = 0;

  constructor(private schema: Schema) {}

  /** The schema, as it is read by now. */
  now(): Schema {
    this.readings += 1;
    if (this.readings === READ_OFTEN) this.schema = z.compile(this.schema);
    return this.schema;
  }
}
