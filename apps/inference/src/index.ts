export { inferenceApp } from './inference.app.js';
export { startInference, type InferenceOptions, type RunningInference } from './inference-server.js';
export { hardwareProfile, type HardwareProfile } from './hardware-model.js';
