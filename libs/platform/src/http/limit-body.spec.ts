import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limitBody } from './limit-body.js';
import { prepareHttp } from './prepare-http.js';
import { UnreadBody } from './request-body.js';
import type { IncomingMessage } from 'node:http';

const WITHIN_MS = 150;
const DRIPS_EVERY_MS = 20;

const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
});

interface Answered {
  readonly text: string;
  readonly isCut: boolean;
}

/** Sends a request's head and then byte after byte, until the server ends the connection, at most `forMs` long. */
async function drip(port: number, head: readonly string[], forMs: number, piece = 'x'): Promise<Answered> {
  const socket: Socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString())).on('error', () => undefined);
  socket.write(`${[...head, 'host: localhost'].join('\r\n')}\r\n\r\n`);
  const drops = setInterval(() => socket.write(piece), DRIPS_EVERY_MS);
  const isCut = await Promise.race([
    once(socket, 'close').then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), forMs)),
  ]);
  clearInterval(drops);
  socket.destroy();
  return { text, isCut };
}

const POST = ['POST /read HTTP/1.1', 'content-type: application/json'];

describe('a plain server', () => {
  let port: number;
  beforeEach(async () => {
    const server: Server = createServer((request, response) => {
      limitBody(request, response, WITHIN_MS);
      request.resume().on('end', () => setTimeout(() => response.end('read'), 2 * WITHIN_MS));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    closes.push(() => (server.closeAllConnections(), server.close()));
  });

  it.each([
    ['of a length', 'content-length: 1000000', 'x'],
    ['in chunks', 'transfer-encoding: chunked', '1\r\nx\r\n'],
  ])('ends the connection of who sends a body %s byte by byte, and says why', async (_name, header, piece) => {
    const { text, isCut } = await drip(port, [...POST, header], 5_000, piece);
    expect(isCut).toBe(true);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toMatch(/Its end has not come within 0\.15 s; send less at a time/);
  });

  it('takes its time to answer a body that came whole', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'whole' });
    expect([answer.status, await answer.text()]).toEqual([200, 'read']);
  });
});

describe('every app', () => {
  @Controller()
  class Reading {
    @Post('read')
    async read(@Req() request: IncomingMessage): Promise<string> {
      return new UnreadBody(request).text(1_000_000);
    }

    @Post('unread')
    async unread(): Promise<string> {
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
      return 'late';
    }

    @Get('slow')
    async slow(): Promise<string> {
      await new Promise((resolve) => setTimeout(resolve, 2 * WITHIN_MS));
      return 'slow';
    }
  }

  @Module({ controllers: [Reading] })
  class AnApp {}

  let port: number;
  beforeEach(async () => {
    const nest = await NestFactory.create(AnApp, { logger: false, bodyParser: false, forceCloseConnections: true });
    prepareHttp(nest, { host: '127.0.0.1', allowedHosts: [] }, () => false, WITHIN_MS);
    await nest.listen(0, '127.0.0.1');
    port = ((nest.getHttpServer() as Server).address() as AddressInfo).port;
    closes.push(() => nest.close());
  });

  it.each(['read', 'unread'])('ends the connection of who sends a body byte by byte: one that is %s', async (path) => {
    const head = [`POST /${path} HTTP/1.1`, 'content-type: application/json', 'content-length: 1000000'];
    const { text, isCut } = await drip(port, head, 5_000);
    expect(isCut).toBe(true);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 408']);
  });

  it('answers what has no body whenever it can', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/slow`);
    expect(await answer.text()).toBe('slow');
  });
});
