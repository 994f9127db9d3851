/** Anytime-valid p-value of an e-process: min(1, 1/E). Hand in the largest ln E so far, then it never rises again. */
export function anytimeP(lnE: number): number {
  return Math.min(1, Math.exp(-lnE));
}

/** Whether an e-process rejects at level α: E ≥ 1/α (Ville's inequality). */
export function rejects(lnE: number, alpha: number): boolean {
  return lnE >= -Math.log(alpha);
}
