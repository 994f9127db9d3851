/** A variant that costs nothing: answers at once with a small picture and says who it is. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [name = 'control'] = process.argv.slice(2);
const picture = Buffer.alloc(1_024, 7);
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(200, { 'content-type': 'image/png', 'x-variant': name }).end(picture));
});
server.keepAliveTimeout = 120_000;
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
process.once('disconnect', () => process.exit(0));
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
