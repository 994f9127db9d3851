import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Response } from 'express';
import { expect, it } from 'vitest';
import { pictureAnswer } from './picture-answer.js';

it('is never complete where its bytes turn out to be another picture’s, however few were sent', async () => {
  const bytes = new PassThrough();
  const server = createServer((_request, response) => {
    response.setHeader('content-length', 8);
    pictureAnswer({ bytes, length: 8, contentType: 'image/png', sha256: '' }, response as unknown as Response);
    bytes.pipe(response);
    bytes.write('half');
    bytes.destroy(new Error('the file was written while it was sent'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const received = new Promise<IncomingMessage>((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, (answer) => {
      answer.on('error', reject).on('end', () => resolve(answer));
      answer.resume();
    });
    request.on('error', reject);
  });
  await expect(received).rejects.toThrow();
  server.close();
});
