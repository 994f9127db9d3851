// A stand-in for an image service: answers every POST with a small picture.
//   node examples/image-service.mjs PORT [--fail SHARE] [--delay-ms TIME]
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { deflateSync, crc32 } from 'node:zlib';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fail: { type: 'string', default: '0' }, 'delay-ms': { type: 'string', default: '20' } },
});
const port = Number(positionals[0]);
if (!Number.isInteger(port)) {
  console.error('usage: node examples/image-service.mjs PORT [--fail SHARE] [--delay-ms TIME]');
  process.exit(64);
}
const picture = gradient(64);

const server = createServer((request, response) => {
  request.resume();
  const answer = () => {
    if (Math.random() < Number(values.fail)) response.writeHead(500).end('out of memory\n');
    else response.writeHead(200, { 'content-type': 'image/png' }).end(picture);
  };
  setTimeout(answer, Number(values['delay-ms']) * (0.5 + Math.random()));
});
server.listen(port, '127.0.0.1', () =>
  console.log(
    `answers at http://127.0.0.1:${server.address().port}, fails ${100 * Number(values.fail)} % of the requests`,
  ),
);

/** A grey gradient as PNG, `size` × `size` pixels. */
function gradient(size) {
  const rows = Buffer.alloc(size * (size + 1));
  for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) rows[y * (size + 1) + 1 + x] = 2 * (x + y);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 8;
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const named = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}
