import { Decisions1790000000001 } from './1790000000001-decisions.js';
import { Facts1790000000002 } from './1790000000002-facts.js';
import { Bus1790000000003 } from './1790000000003-bus.js';
import { Views1790000000004 } from './1790000000004-views.js';
import { Outcomes1790000000005 } from './1790000000005-outcomes.js';
import { UnknownValues1790000000006 } from './1790000000006-unknown-values.js';
import { Services1790000000007 } from './1790000000007-services.js';
import { OutboxLanes1790000000008 } from './1790000000008-outbox-lanes.js';
import { BesideTheLog1790000000009 } from './1790000000009-beside-the-log.js';
import { SlotOfARequest1790000000010 } from './1790000000010-slot-of-a-request.js';
import { OrderAnswers1790000000011 } from './1790000000011-order-answers.js';
import { Notifications1790000000012 } from './1790000000012-notifications.js';
import { LogsOfPositions1790000000013 } from './1790000000013-logs-of-positions.js';
import { DaysOfTheLog1790000000017 } from './1790000000017-days-of-the-log.js';
import { DaysOfFacts1790000000020 } from './1790000000020-days-of-facts.js';
import { Erasures1790000000021 } from './1790000000021-erasures.js';
import { SharedParts1790000000024 } from './1790000000024-shared-parts.js';
import { PackedFacts1790000000092 } from './1790000000092-packed-facts.js';
import { ScoresByService1790000000098 } from './1790000000098-scores-by-service.js';

/** Every change of the schema, oldest first: one file each, named by its time; a migration that was released never changes. */
export const MIGRATIONS = [
  Decisions1790000000001,
  Facts1790000000002,
  Bus1790000000003,
  Views1790000000004,
  Outcomes1790000000005,
  UnknownValues1790000000006,
  Services1790000000007,
  OutboxLanes1790000000008,
  BesideTheLog1790000000009,
  SlotOfARequest1790000000010,
  OrderAnswers1790000000011,
  Notifications1790000000012,
  LogsOfPositions1790000000013,
  DaysOfTheLog1790000000017,
  DaysOfFacts1790000000020,
  Erasures1790000000021,
  SharedParts1790000000024,
  PackedFacts1790000000092,
  ScoresByService1790000000098,
] as const;
