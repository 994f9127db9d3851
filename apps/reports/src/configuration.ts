import { z } from 'zod';
import { commonVariables, documented, variables } from '#libs/platform';

/** Variables of the reports. */
export const reportsVariables = {
  REPORTS_PORT: documented(variables.port.default(8082), 'Port of the API and the live page; 0 takes any free one.'),
  REPORTS_PICTURE_ROOTS: documented(variables.list.optional(), 'Comma-separated folders whose pictures may be shown.', {
    defaultIs: 'pictures in DATA_DIR',
  }),
  REPORTS_DECISION_URL: documented(
    variables.url.optional(),
    'Address of the decision service, to which orders that people give on the page are passed on, with their tokens.',
    { defaultIs: 'port DECISION_PORT of this machine, on loopback' },
  ),
  DECISION_PORT: documented(variables.port.default(8081), 'Port of the decision service, on this machine.'),
  FEEDBACK: documented(
    z.enum(['token', 'open']).default('token'),
    '`token`: feedback about a request counts with what the router gave to whoever asked, in `teststrip-feedback-token`. `open`: it counts from whoever knows the id of the request.',
  ),
  REPORTS_CLIENT_FEEDBACK: documented(
    variables.integer.min(1).default(6_000),
    'How often one client address may give feedback within a minute; what comes beyond is answered with 429.',
  ),
  REPORTS_TRUSTED_PROXIES: documented(
    variables.addressRanges.default([]),
    'Addresses of proxies in front of the reports (`10.0.0.0/8,::1`), whose word on the client (`X-Forwarded-For`) counts; without them all clients behind a proxy share the limits of one.',
    { defaultIs: 'none' },
  ),
  DATA_DIR: commonVariables.DATA_DIR,
} as const;
