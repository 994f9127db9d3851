import {
  Controller,
  Logger,
  Module,
  type INestApplication,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeEvent, examples, type TeststripEvent } from '#libs/contracts';
import { createEventBus } from '../create-event-bus.js';
import { deadLetterHeaders, UnprocessableEventError } from '../consume/dead-letters.js';
import { ensureTopics } from '../ensure-topics.js';
import type { EventBatch } from '../consume/decode.js';
import type { EventBus } from '../event-bus.js';
import { connectEventBus } from './connect-event-bus.js';
import type { EventContext } from './event-context.js';
import { BatchEventPattern } from './patterns.js';

const routed = examples.find((example) => example.type === 'request.routed.v1')!;
const judged = examples.find((example) => example.type === 'preference.judged.v1')!;

const seen: { ids: string[]; offsets: number[]; batches: number[][]; failures: number; hooks: string[] } = {
  ids: [],
  offsets: [],
  batches: [],
  failures: 0,
  hooks: [],
};

@Controller()
class OneByOne {
  @EventPattern<string>('preference.judged.v1')
  async judge(@Payload() event: TeststripEvent, @Ctx() context: EventContext): Promise<void> {
    if (event.id === 'impossible') throw new UnprocessableEventError('cannot be judged');
    if (event.id === 'later' && seen.failures < 2) {
      seen.failures++;
      throw new Error('the database is away');
    }
    seen.ids.push(event.id);
    seen.offsets.push(context.record!.offset);
  }
}

@Controller()
class WholeBatches {
  @BatchEventPattern('request.routed.v1')
  async record(@Payload() batch: EventBatch<'request.routed.v1'>): Promise<void> {
    seen.batches.push([batch.events.length, batch.nextOffset]);
  }
}

@Module({ controllers: [OneByOne, WholeBatches] })
class Service implements OnModuleInit, OnApplicationBootstrap {
  onModuleInit(): void {
    seen.hooks.push('init');
  }
  onApplicationBootstrap(): void {
    seen.hooks.push('bootstrap');
  }
}

describe('event bus strategy', () => {
  let app: INestApplication;
  let bus: EventBus;
  beforeEach(async () => {
    Object.assign(seen, { ids: [], offsets: [], batches: [], failures: 0, hooks: [] });
    Logger.overrideLogger(['error']);
    bus = await createEventBus({ carrier: 'memory' });
    await ensureTopics(bus, 1);
    app = await NestFactory.create(Service, { logger: ['error'] });
    connectEventBus(app, { bus, group: 'service' });
    await app.startAllMicroservices();
    await app.init();
  });
  afterEach(async () => {
    await app.close();
    await bus.close();
  });

  it('calls ordinary controllers with decoded events and the place they lie at', async () => {
    await bus.publish([judgedAs('a'), judgedAs('b')]);
    await vi.waitFor(() => expect(seen.ids).toEqual(['a', 'b']));
    expect(seen.offsets).toEqual([0, 1]);
  });

  it('leaves the lifecycle hooks to the application: each runs once', () => {
    expect(seen.hooks).toEqual(['init', 'bootstrap']);
  });

  it('buries what is no event and what a handler gives up, with the reason, and goes on', async () => {
    const malformed = { ...judgedAs('x'), value: Buffer.from('{"half":') };
    await bus.publish([judgedAs('a'), malformed, judgedAs('impossible'), judgedAs('b')]);
    await vi.waitFor(() => expect(seen.ids).toEqual(['a', 'b']));
    const dead = await bus.readAll('preference.judged.v1.dead');
    expect(dead.map((record) => record.headers[deadLetterHeaders.reason]?.toString())).toEqual([
      expect.stringContaining('value is no JSON'),
      'cannot be judged',
    ]);
    expect(dead[0]!.value?.toString()).toBe('{"half":');
    expect(dead.map((record) => record.headers[deadLetterHeaders.offset]?.toString())).toEqual(['1', '2']);
  });

  it('repeats from the event that failed, not the ones before it, and buries nothing twice', async () => {
    const malformed = { ...judgedAs('x'), value: Buffer.from('no') };
    await bus.publish([judgedAs('a'), malformed, judgedAs('later'), judgedAs('b')]);
    await vi.waitFor(() => expect(seen.ids).toEqual(['a', 'later', 'b']), { timeout: 5_000 });
    expect(seen.failures).toBe(2);
    expect(await bus.readAll('preference.judged.v1.dead')).toHaveLength(1);
  });

  it('hands whole batches to batch handlers, with the position after them', async () => {
    await bus.publish([encodeEvent(routed), { ...encodeEvent(routed), value: null }, encodeEvent(routed)]);
    await vi.waitFor(() => expect(seen.batches).toEqual([[2, 3]]));
  });
});

function judgedAs(id: string): ReturnType<typeof encodeEvent> {
  return encodeEvent({ ...judged, id });
}
