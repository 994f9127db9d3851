import { expect, it } from 'vitest';
import { StatementReader } from './statement-counter.js';

function message(type: string, body: string): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

it('counts what is waited for, however the bytes are cut up, under its statement and application', () => {
  const body = Buffer.from('user\0me\0application_name\0router\0\0');
  const startup = Buffer.alloc(8);
  startup.writeUInt32BE(8 + body.length, 0);
  const parse = message('P', 'write\0INSERT\n  INTO t\0\0\0');
  const bind = message('B', '\0write\0\0\0\0\0\0\0');
  const bytes = Buffer.concat([
    startup,
    body,
    message('Q', 'BEGIN\0'),
    parse,
    bind,
    message('E', '\0\0\0\0\0'),
    message('S', ''),
    bind,
    message('S', ''),
  ]);
  const counted: string[] = [];
  const reader = new StatementReader((application, statement) => counted.push(`${application}: ${statement}`));
  for (let at = 0; at < bytes.length; at += 7) reader.read(bytes.subarray(at, at + 7));
  expect(counted).toEqual(['router: BEGIN', 'router: INSERT INTO t', 'router: INSERT INTO t']);
});
