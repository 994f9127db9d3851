import { EventEmitter } from 'node:events';
import type { Request, Response } from 'express';
import { NEVER } from 'rxjs';
import { expect, it } from 'vitest';
import { ClientLimit, TrustedProxies } from '#libs/platform';
import { LiveController } from './live.controller.js';
import type { LiveSummaries } from './live-summaries.js';

const proxies = new TrustedProxies([{ address: '10.0.0.0', bits: 8 }]);

function from(remoteAddress: string, forwardedFor?: string): Request {
  return { socket: { remoteAddress }, headers: { 'x-forwarded-for': forwardedFor } } as unknown as Request;
}

const request = from('192.0.2.1');

/** An answer that nobody reads; @param destroyed whether its client has gone */
function anAnswer(destroyed = false): Response {
  const heads = { writeHead: () => undefined, flushHeaders: () => undefined };
  return Object.assign(new EventEmitter(), heads, { destroyed }) as unknown as Response;
}

it('gives one client so many streams, and their places back when they end or never began', async () => {
  const summaries = { of: (key: string) => (key === 'a' ? Promise.resolve(NEVER) : Promise.reject(new Error('404'))) };
  const live = new LiveController(summaries as unknown as LiveSummaries, new ClientLimit(1), proxies);
  await live.follow('a', request, anAnswer(true));
  const unknown = anAnswer();
  await expect(live.follow('unknown', request, unknown)).rejects.toThrow('404');
  unknown.emit('close');
  const first = anAnswer();
  await live.follow('a', request, first);
  await expect(live.follow('a', request, anAnswer())).rejects.toMatchObject({ status: 429 });
  await live.follow('a', from('192.0.2.2'), anAnswer());
  first.emit('close');
  await live.follow('a', request, anAnswer());
  // Behind a trusted proxy they are several, and one of them is whoever it is without it.
  await live.follow('a', from('10.0.0.1', '192.0.2.3'), anAnswer());
  await expect(live.follow('a', from('10.0.0.1', '192.0.2.1'), anAnswer())).rejects.toMatchObject({ status: 429 });
  await expect(live.follow('a', from('192.0.2.2', '192.0.2.4'), anAnswer())).rejects.toMatchObject({ status: 429 });
});
