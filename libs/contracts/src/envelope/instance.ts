import { z } from 'zod';

/** HTTP header of an answer that names the process or pod which gave it. It is read by the router and goes no further. */
export const INSTANCE_HEADER = 'teststrip-instance';

/** Characters of an instance's name; of a longer one these are kept. */
export const LONGEST_INSTANCE = 256;

/**
 * Which process or pod of a variant answered. A name that comes back after a restart is the same instance: a pod's name tells starts apart, that of a
 * machine does not.
 */
export const instanceName = z.string().min(1).max(LONGEST_INSTANCE);
