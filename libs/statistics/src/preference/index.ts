export * from './bradley-terry.js';
export * from './fixed-sign-test.js';
export * from './sign-e-process.js';
export { addVote, mergeVotes, noVotes, swapVotes, type Vote, voteKey, type Votes } from './votes.js';
