import { EventEmitter } from 'node:events';
import type { Request, Response } from 'express';
import { NEVER } from 'rxjs';
import { expect, it } from 'vitest';
import { ClientLimit } from '#libs/platform';
import { LiveController } from './live.controller.js';
import type { LiveSummaries } from './live-summaries.js';

const request = { socket: { remoteAddress: '192.0.2.1' } } as Request;

/** An answer that nobody reads; @param destroyed whether its client has gone */
function anAnswer(destroyed = false): Response {
  const heads = { writeHead: () => undefined, flushHeaders: () => undefined };
  return Object.assign(new EventEmitter(), heads, { destroyed }) as unknown as Response;
}

it('gives one client so many streams, and their places back when they end or never began', async () => {
  const summaries = { of: (key: string) => (key === 'a' ? Promise.resolve(NEVER) : Promise.reject(new Error('404'))) };
  const live = new LiveController(summaries as unknown as LiveSummaries, new ClientLimit(1));
  await live.follow('a', request, anAnswer(true));
  const unknown = anAnswer();
  await expect(live.follow('unknown', request, unknown)).rejects.toThrow('404');
  unknown.emit('close');
  const first = anAnswer();
  await live.follow('a', request, first);
  await expect(live.follow('a', request, anAnswer())).rejects.toMatchObject({ status: 429 });
  await live.follow('a', { socket: { remoteAddress: '192.0.2.2' } } as Request, anAnswer());
  first.emit('close');
  await live.follow('a', request, anAnswer());
});
