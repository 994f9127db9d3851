/**
 * A variant of a service that embeds the telemetry library: answers at once with a small picture, says who it is, and publishes what it did. It is never
 * killed: what it has done is what has to be counted.
 */
import { createServer } from 'node:http';
import { deflateSync } from 'node:zlib';
import { fingerprintOf, createTelemetry, readRequestContext } from '#libs/telemetry';
import { createReconnectingBus, openBus } from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';
import { listening } from '../bench/parts.js';

export interface UpstreamReady {
  readonly url: string;
}

/** Everything it has reported, once that has reached the bus. */
export interface UpstreamTold {
  readonly generations: readonly string[];
  readonly dropped: number;
}

const SIDE_PX = 64;
const [name = 'control', service = '', settings = '{}', config = '{}'] = process.argv.slice(2);
const bus = createReconnectingBus(() =>
  openBus(readConfig(commonVariables, JSON.parse(settings) as Record<string, string>), `upstream-${name}`),
);
await bus.open();
const telemetry = createTelemetry({ bus, service, source: `/upstream/${name}`, maxQueued: 1_000_000 });
const variantConfig = JSON.parse(config) as Record<string, unknown>;
const fingerprint = fingerprintOf(variantConfig);
const uri = `data:image/png;base64,${picture(name === 'control' ? 40 : 50).toString('base64')}`;
const generations: string[] = [];

const server = createServer((request, response) => {
  const startedAtMs = performance.now();
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'image/png', 'x-variant': name }).end('picture');
    const context = readRequestContext(request.headers);
    const generationId = `${name}-${generations.length}-${process.pid}`;
    const totalMs = performance.now() - startedAtMs;
    telemetry.generationCompleted({
      request: context,
      generationId,
      outcome: 'delivered',
      config: variantConfig,
      fingerprint,
      prompt: 'a small red circle at the left',
      seed: generations.length,
      timings: { queueMs: 0, inferenceMs: totalMs, totalMs },
      images: [{ uri }],
    });
    generations.push(generationId);
  });
});
server.keepAliveTimeout = 120_000;
process.once('disconnect', () => process.exit(0));
process.on('message', () => {
  const tell = (): void => {
    const { queued, dropped } = telemetry.status();
    if (queued === 0) process.send?.({ generations, dropped } satisfies UpstreamTold);
    else setTimeout(tell, 100);
  };
  tell();
});
process.send?.({ url: await listening(server) } satisfies UpstreamReady);

/** A PNG of a red square on a pattern. */
function picture(shade: number): Buffer {
  const rows = Buffer.alloc(SIDE_PX * (1 + 3 * SIDE_PX));
  for (let y = 0; y < SIDE_PX; y++)
    for (let x = 0; x < SIDE_PX; x++) {
      const isInside = x > 10 && x < 30 && y > 20 && y < 40;
      rows.set(isInside ? [220, 30, 30] : [shade + x, shade + y, 90], y * (1 + 3 * SIDE_PX) + 1 + 3 * x);
    }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(SIDE_PX, 0);
  head.writeUInt32BE(SIDE_PX, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

function crc32(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
