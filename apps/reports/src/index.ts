export { ReportsModule, type ReportsModuleOptions } from './reports.module.js';
export { startReports, type ReportsOptions, type RunningReports } from './start-reports.js';
export type * from './summary/experiment-summary.js';
