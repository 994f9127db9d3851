export { Analyzer } from './analyzer.js';
export type { AnalyzerOptions } from './analyzer-options.js';
export { analyzerApp } from './analyzer.app.js';
export { AnalyzerModule, type AnalyzerModuleOptions, type AnalyzerSettings } from './analyzer.module.js';
