import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { z } from 'zod';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What is sealed is a multiple of so many bytes: names of one variant's pictures may be longer than those of the other. */
const STEP_BYTES = 512;

/**
 * Hands out what a browser may carry and not read: which picture is whose must not be told by an address. The key is this process's own, so
 * what another one has sealed, or this one before it was started anew, opens no more.
 */
export class Seal {
  private readonly key = randomBytes(32);

  /** The same value is sealed differently each time. */
  seal(value: unknown): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    const hidden = Buffer.concat([cipher.update(filledUp(JSON.stringify(value))), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url');
  }

  /** What was sealed; undefined for what this process has not sealed as such. */
  open<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> | undefined {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const shown = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
      return schema.safeParse(JSON.parse(shown.toString())).data;
    } catch {
      return undefined;
    }
  }

  /** A name for a thing that is the same each time, and tells nothing of it. */
  nameOf(...parts: readonly string[]): string {
    return createHmac('sha256', this.key).update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
  }
}

/** Blanks behind it, which JSON does not mind. */
function filledUp(text: string): string {
  const bytes = Buffer.byteLength(text);
  return text + ' '.repeat(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES - bytes);
}
