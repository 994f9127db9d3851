import { describe, expect, it } from 'vitest';
import { define, given, minutes, operator } from '#libs/testing/delivery';
import type { Contested } from '../inputs.js';
import { effectOf } from './effect.js';

const at = (router: string, epoch: number) => ({ router, epoch });

describe('an order', () => {
  it.each([
    ['without a router nothing is served by it', [], 9_000, { state: 'ordered' }],
    ['every live router obeys it', [at('a', 5), at('b', 5)], 0, { state: 'effective' }],
    ['one has had no time yet', [at('a', 5), at('b', 4)], 1_999, { state: 'ordered' }],
    [
      'one has not followed in time',
      [at('b', 4), at('a', 5), at('c', 0)],
      2_000,
      { state: 'contested', behind: ['b', 'c'], servedEpoch: 5 },
    ],
    [
      'one obeys an order that this log does not have',
      [at('a', 57)],
      2_000,
      { state: 'contested', behind: ['a'], servedEpoch: 57 },
    ],
  ] as const)('%s', (_what, routers, ageMs, effect) => {
    expect(effectOf({ epoch: 5, newestEpoch: 5, ageMs }, routers)).toEqual(effect);
  });

  it('that a newer one of the service has replaced is in force where that one is', () => {
    expect(effectOf({ epoch: 5, newestEpoch: 6, ageMs: 9_000 }, [at('a', 6), at('b', 5)])).toEqual({
      state: 'effective',
    });
  });

  const contested: Contested = {
    type: 'contested',
    atMs: minutes(2),
    commandId: 'again',
    epoch: 2,
    servedEpoch: 57,
    behind: ['router-b'],
  };

  it('that a router has not followed is given again above every epoch, word for word, with an alert', () => {
    given(define(minutes(0)), operator('rollback', minutes(1)))
      .when(contested)
      .thenDecided(
        {
          type: 'alert-raised',
          alert: 'contested',
          message:
            'The rollback of epoch 2 is not in force everywhere: router-b has not followed it. It is ordered again as epoch 58.',
        },
        {
          type: 'reissued',
          command: { command: 'rollback', epoch: 58, weightsPpm: { control: 1_000_000 }, terminal: true },
        },
      );
  });

  it('is not given again for an epoch from nowhere, which would leave none for a rollback: that is told, once', () => {
    const lying = { ...contested, servedEpoch: 2 ** 31 - 2 };
    const told = given(define(minutes(0)), operator('rollback', minutes(1))).when(lying);
    told.thenDecided({
      type: 'alert-raised',
      message: expect.stringContaining('epoch 2147483646, which no controller'),
    });
    given(define(minutes(0)), operator('rollback', minutes(1)), lying)
      .when(lying)
      .thenNothing();
  });

  it('is not given again because somebody else gives orders in its name: that is told, once', () => {
    const forged = { ...contested, epoch: 0, servedEpoch: 0, behind: [], forged: 'Somebody else has published …' };
    given(define(minutes(0)), operator('rollback', minutes(1)))
      .when(forged)
      .thenDecided({ type: 'alert-raised', alert: 'contested', message: forged.forged });
    given(define(minutes(0)), operator('rollback', minutes(1)), forged)
      .when(forged)
      .thenNothing();
  });

  it('names five of many routers', () => {
    const behind = Array.from({ length: 300 }, (_, index) => `router-${index}`);
    const [alert] = given(define(minutes(0)), operator('rollback', minutes(1)))
      .when({ ...contested, behind })
      .events();
    expect(alert).toMatchObject({ message: expect.stringContaining('router-4 and 295 more have not followed it') });
  });

  it('is not given again where a newer one was given meanwhile, or none ever was', () => {
    given(define(minutes(0)), operator('rollback', minutes(1)))
      .when({ ...contested, epoch: 1 })
      .thenNothing();
    given().when(contested).thenNothing();
  });

  it('keeps its phase, its stage and what an operator did when it is given again', () => {
    const again = given(define(minutes(0)), operator('pause', minutes(1))).when(contested);
    expect(again.state()).toMatchObject({ phase: 'paused', epoch: 58, stage: 0, stageEpoch: 1, acknowledgements: {} });
    given(define(minutes(0)), operator('pause', minutes(1)), contested)
      .when(operator('resume', minutes(3)))
      .thenDecided({ type: 'resumed', command: { epoch: 59 } });
  });
});
