/** A record for the event bus: bytes with a key; the key decides the partition. Has the shape of an encoded event. */
export interface OutboxRecord {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer;
}
