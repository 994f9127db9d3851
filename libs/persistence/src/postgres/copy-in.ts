import { Query, type Connection } from 'pg';

/** What the driver's types leave out. */
interface CopyingConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** Rows are sent in pieces of at most so many bytes. */
const PIECE_BYTES = 1 << 20;

/**
 * `copy … from stdin`, whose rows are sent along with the statement instead of after the server's answer to it: one round trip. Where the server refuses the
 * statement it passes over the rows.
 */
export class CopyIn extends Query {
  constructor(
    private readonly sql: string,
    /** Not `rows`: the driver takes that for a number of rows to be read at a time. */
    private readonly copied: string,
    /** The driver reads it from here. */
    readonly query_timeout: number | undefined,
    whenDone: (error?: Error | null) => void,
  ) {
    super(sql, whenDone as never);
  }

  override readonly submit = (connection: Connection): void => {
    const copying = connection as CopyingConnection;
    copying.stream.cork();
    copying.query(this.sql);
    const bytes = Buffer.from(this.copied);
    for (let from = 0; from < bytes.length; from += PIECE_BYTES)
      copying.sendCopyFromChunk(bytes.subarray(from, from + PIECE_BYTES));
    copying.endCopyFrom();
    copying.stream.uncork();
  };

  /** They are on their way already. */
  handleCopyInResponse(): void {}
}
