import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { namelessAddress } from './nameless-address.js';

function asked(url: string): number | undefined {
  const request = new IncomingMessage(new Socket());
  request.url = url;
  return namelessAddress(request)?.getStatus();
}

it.each(['/api/experiments/%00', '/api/experiments/a%00b/history', '/api/experiments/%ff', '/api/%', '/%ed%a0%80'])(
  '%s names nothing',
  (url) => {
    expect(asked(url)).toBe(404);
  },
);

it.each(['/', '/api/experiments/caf%C3%A9', '/page/main.js', '/v1/experiments?archived=%00', '/a?b=%'])(
  '%s may name something',
  (url) => {
    expect(asked(url)).toBeUndefined();
  },
);
