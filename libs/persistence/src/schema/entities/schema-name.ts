/** Everything lies in a schema of its own, so that a database shared with other software stays tidy. */
export const SCHEMA = 'teststrip';
