export * from './kube.js';
export * from './nginx.js';
