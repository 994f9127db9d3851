/** Least of so many: whatever else the process does besides is counted too. */
const TIMES = 3;

/** What something takes of the processor, in milliseconds: by the clock it would be the longer the more the machine does besides. */
export function processorMsOf(act: () => unknown): number {
  return Math.min(...Array.from({ length: TIMES }, () => once(act)));
}

function once(act: () => unknown): number {
  const began = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}
