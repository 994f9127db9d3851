export { TeststripClient, type Evaluation, type TeststripClientOptions } from './teststrip-client.js';
