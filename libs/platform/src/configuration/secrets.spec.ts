import { describe, expect, it } from 'vitest';
import { cleanForLog, keepSecret, withoutSecrets } from './secrets.js';

describe('what is printed', () => {
  it('has no password of a URL in it, and still says where something is', () => {
    expect(
      withoutSecrets('Postgres at postgres://ana:s3cret@db:5432/teststrip is away, kafka://u:p%40ss@k:1 too'),
    ).toBe('Postgres at postgres://ana:***@db:5432/teststrip is away, kafka://u:***@k:1 too');
  });

  it('is looked through in a moment, however long a line somebody makes it write', () => {
    const startedAtMs = performance.now();
    for (const line of ['a-'.repeat(40_000), 'a://b:'.repeat(13_000), '://'.repeat(26_000)]) withoutSecrets(line);
    // Seconds while each letter could begin a scheme.
    expect(performance.now() - startedAtMs).toBeLessThan(500);
  });

  it('leaves alone what only looks like one', () => {
    const text = 'http://127.0.0.1:8080/v1 answered ana@example.org at 12:30:00';
    expect(withoutSecrets(text)).toBe(text);
  });

  it('has no secret in it that was read, whole, as a password, or decoded', () => {
    keepSecret('postgres://ana:horse%2Fbattery@db/teststrip');
    expect(withoutSecrets('password authentication with horse/battery failed, horse%2Fbattery as well')).toBe(
      'password authentication with *** failed, *** as well',
    );
  });

  it('is clean in errors, their causes and stacks, and in objects', () => {
    const cause = new Error('connect postgres://ana:s3cret@db');
    const error = new Error('no database at postgres://ana:s3cret@db', { cause });
    const clean = cleanForLog({ error, list: ['postgres://ana:s3cret@db'] }) as { error: Error; list: string[] };
    expect(clean.error).toBeInstanceOf(Error);
    expect(
      [clean.error.message, clean.error.stack, String((clean.error.cause as Error).stack), ...clean.list].join(),
    ).not.toContain('s3cret');
    expect(error.message).toContain('s3cret');
  });
});
