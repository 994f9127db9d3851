import { InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '#libs/contracts';
import { findScenario, type Scenario } from './scenarios/scenario.js';

/** Carriers of the event bus that a demonstration can run on. */
export type Carrier = 'postgres' | 'kafka';

export function busOption(): Option {
  return new Option('--bus <carrier>', 'carrier of the event bus; kafka needs a broker, Docker or Java with Maven')
    .choices(['postgres', 'kafka'] satisfies Carrier[])
    .default('postgres');
}

export function scenarioArgument(name: string): Scenario {
  try {
    return findScenario(name);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function seedArgument(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError(`"${text}": expected a whole number from 0 up.`);
  return value;
}

/** "1-5" or "1,4,9" or both. */
export function seedsArgument(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const [from, to] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])];
    if (!range || to < from)
      throw new InvalidArgumentError(`"${part}": expected a whole number, or a range such as 1-5.`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

export function positiveArgument(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Infinity))
    throw new InvalidArgumentError(`"${text}": expected a number above 0.`);
  return value;
}

export function secondsArgument(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError(`"${text}": expected seconds, 0 or more.`);
  return value;
}

/** "30m" in milliseconds. */
export function durationArgument(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
