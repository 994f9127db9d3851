import { describe, expect, it } from 'vitest';
import { ConfigurationError, readConfig } from '../libs/platform/src/configuration/read-config.js';
import { apps } from '../tools/docs/pages.js';

const durations = new Map(
  apps.flatMap(({ groups }) =>
    groups.flatMap(({ variables }) => Object.entries(variables).filter(([name]) => name.endsWith('_MS'))),
  ),
);

describe('a variable that is a time in milliseconds', () => {
  it.each([...durations.keys()])('%s can not be longer than a timer can wait', (name) => {
    const read = (value: string): unknown => readConfig({ [name]: durations.get(name)! }, { [name]: value });
    expect(() => read('3000000000')).toThrow(ConfigurationError);
    expect(() => read('3000000000')).toThrow(
      new RegExp(`${name}=3000000000: expected a whole number from \\d+ to 2147483647$`),
    );
    expect(read('2147483647')).toEqual({ [name]: 2_147_483_647 });
  });
});
