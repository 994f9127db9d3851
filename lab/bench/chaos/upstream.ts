/** A variant that costs nothing: answers at once with a small picture and says who it is. */
import { createServer } from 'node:http';
import { listening } from '../parts.js';

const [name = 'control'] = process.argv.slice(2);
const picture = Buffer.alloc(1_024, 7);
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(200, { 'content-type': 'image/png', 'x-variant': name }).end(picture));
});
server.keepAliveTimeout = 120_000;
process.once('disconnect', () => process.exit(0));
process.send?.({ url: await listening(server) });
