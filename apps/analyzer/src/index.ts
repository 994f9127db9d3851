export { Analyzer, type AnalyzerOptions } from './analyzer.js';
export { AnalyzerModule, type AnalyzerModuleOptions } from './analyzer.module.js';
export { startAnalyzer, type RunningAnalyzer, type StartAnalyzerOptions } from './start-analyzer.js';
