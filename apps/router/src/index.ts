export { routerApp } from './router.app.js';
export { RouterModule, type RouterModuleOptions } from './router.module.js';
export type { RouterOptions } from './router-options.js';
export { ROUTER } from './tokens.js';
export type { Router } from './router.js';
