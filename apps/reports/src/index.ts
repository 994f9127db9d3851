export type { ExperimentLikeness } from './pictures/picture-gallery.js';
export { reportsApp } from './reports.app.js';
export { ReportsModule, type ReportsModuleOptions, type ReportsSettings } from './reports.module.js';
export type * from './summary/experiment-summary.js';
