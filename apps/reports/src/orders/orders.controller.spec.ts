import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Response } from 'express';
import { expect, it } from 'vitest';
import type { ReadRequest } from '#libs/platform';
import { DecisionDoor } from './decision-door.js';
import { OrdersController } from './orders.controller.js';

it('asks the decision service for what is named, and for no other route, whatever the name', async () => {
  const asked: string[] = [];
  const server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const orders = new OrdersController(new DecisionDoor(`http://127.0.0.1:${port}`));
  const request = { headers: {} } as ReadRequest;
  const response = { status: () => response, set: () => response, send: () => response } as unknown as Response;
  for (const name of ['.', '..']) {
    const unknown = expect.objectContaining({ status: 404 });
    expect(() => orders.standing(name, request, response)).toThrow(unknown);
    expect(() => orders.order(name, 'pause', request, response)).toThrow(unknown);
    expect(() => orders.service(name, request, response)).toThrow(unknown);
    expect(() => orders.serviceOrder(name, 'retry', request, response)).toThrow(unknown);
    expect(() => orders.serviceOrder('text-to-image', name, request, response)).toThrow(unknown);
    expect(() => orders.order('key', name, request, response)).toThrow(unknown);
  }
  await orders.standing('../services', request, response);
  await orders.order('%2e%2e', 'pause', request, response);
  await orders.serviceOrder('a/b', 'resume', request, response);
  expect(() => orders.serviceOrder('text-to-image', 'delete', request, response)).toThrow(
    expect.objectContaining({ status: 404 }),
  );
  expect(asked).toEqual([
    'GET /v1/experiments/..%2Fservices',
    'POST /v1/experiments/%252e%252e/pause',
    'POST /v1/services/a%2Fb/resume',
  ]);
  server.close();
});
