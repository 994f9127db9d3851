import { Logger } from '@nestjs/common';
import { logLevel, type logCreator } from 'kafkajs';

const logger = new Logger('kafka');

/** What every broker says while a coordinator is chosen or a topic is new; kafkajs retries it and logs it as an error. */
const PASSING =
  /coordinator is loading|coordinator is not available|does not host this topic-partition|no leader for this topic-partition|rebalancing|not the coordinator|The group is rebalancing/i;

/** kafkajs's log through Nest's, with passing trouble turned down. */
export const clientLog: logCreator =
  () =>
  ({ level, log }) => {
    const text = `${log.message}${typeof log['error'] === 'string' ? `: ${log['error']}` : ''}`;
    if (level === logLevel.ERROR && !PASSING.test(text)) logger.warn(text);
    else logger.debug(text);
  };
