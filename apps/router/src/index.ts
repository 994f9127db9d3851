export { routerSettings, routerVariables } from './configuration.js';
export { RouterModule, type RouterModuleOptions } from './router.module.js';
export type { RouterOptions } from './router-options.js';
export { startRouter, type RunningRouter, type StartRouterOptions } from './start-router.js';
export { ROUTER } from './tokens.js';
export type { Router } from './router.js';
