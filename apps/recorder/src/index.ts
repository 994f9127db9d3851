export { recorderApp } from './recorder.app.js';
export { RecorderModule, type RecorderModuleOptions, type RecorderSettings } from './recorder.module.js';
