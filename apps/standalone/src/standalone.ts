import { z } from 'zod';
import { analyzerApp } from '#apps/analyzer';
import { decisionApp } from '#apps/decision';
import { recorderApp } from '#apps/recorder';
import { reportsApp } from '#apps/reports';
import { routerApp } from '#apps/router';
import { scorerApp } from '#apps/scorer';
import { composeApps, documented, variables } from '#libs/platform';

/**
 * All services in one process on one bus and one database: the same definitions that run as processes of their own in production, with the
 * same variables and defaults. Who judges starts before the router, so that no request is routed that nobody would judge.
 */
export const standalone = composeApps({
  name: 'standalone',
  summary: 'all services in one process',
  variables: {
    WITHOUT: documented(
      variables.list.pipe(z.array(z.enum(['scorer']))).default([]),
      'Comma-separated services that run as processes of their own: `scorer`.',
      { defaultIs: 'none' },
    ),
  },
  stages: [[decisionApp, recorderApp, analyzerApp, scorerApp, reportsApp], [routerApp]],
  without: (config) => config.WITHOUT,
});
