export { Analyzer, type AnalyzerOptions } from './analyzer.js';
export { analyzerApp } from './analyzer.app.js';
export { AnalyzerModule, type AnalyzerModuleOptions, type AnalyzerSettings } from './analyzer.module.js';
