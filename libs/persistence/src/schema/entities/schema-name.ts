/** What the services keep lies in a schema of its own, so that a database shared with other software stays tidy. */
export const SCHEMA = 'teststrip';

/** The log of the Postgres carrier. */
export const BUS_SCHEMA = 'bus';
