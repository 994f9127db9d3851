import { AUTO_LADDER_PPM, type ExperimentDefined } from '#libs/contracts';
import { MOST_REQUESTS, type Played, playExperiment } from '#libs/testing/delivery';
import { type Behaviour, definition } from '#libs/testing/traffic';
import { type PeerRule, peerRules } from '#lab/peers';
import { CanaryTraffic, type Request } from './canary-traffic.js';
import { ALIGNMENT_MARGIN, COST_MARGIN, ERROR_MARGIN, LATENCY_MARGIN } from './dense-guardrails.js';
import { denseService } from './dense-service.js';

/** The candidates that the whole rule is played with, as a table names them. */
export const candidates: Readonly<Record<string, Behaviour>> = {
  identical: {},
  '20 % cheaper': { costFactor: 0.8 },
  'alignment −1 % (the margin)': { alignment: 0.297 },
  'alignment −3.3 %': { alignment: 0.29 },
  'alignment −10 %': { alignment: 0.27 },
  '5 % of the pictures wrong': { wrongShare: 0.05 },
  '20 % of the pictures wrong': { wrongShare: 0.2 },
  'latency +30 %': { latencyFactor: 1.3 },
  'latency × 2': { latencyFactor: 2 },
  'errors 2.5 %': { errorRate: 0.025 },
  'errors 3 %': { errorRate: 0.03 },
  'errors 10 %': { errorRate: 0.1 },
  'cost +15 %': { costFactor: 1.15 },
};

/** As a canary ends. Requests and exposure are counted until the decision, or over the whole run. */
export interface Ending {
  readonly outcome: 'promoted' | 'rolled-back' | 'undecided';
  readonly metric: string | null;
  readonly requests: number;
  /** Requests the candidate answered. */
  readonly exposed: number;
}

export interface Canary {
  readonly seed: number;
  /** The candidate's share at the start. */
  readonly fromPpm: number;
  readonly candidate: Behaviour;
}

const ALPHA = 0.05;

/** The simulated experiment as a canary that starts at a share. */
export function canaryFrom(fromPpm: number): ExperimentDefined {
  const shares = AUTO_LADDER_PPM.filter((ppm) => ppm >= fromPpm);
  const stages = shares.map((weightPpm) => ({ weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none' as const }));
  return definition({ ramp: { kind: 'auto', stages }, unit: 'request', alpha: ALPHA });
}

/** Plays one canary by the decider that ships, until it is promoted, rolled back or concluded, or has had {@link MOST_REQUESTS}. */
export function playWholeRule({ seed, fromPpm, candidate }: Canary): Ending {
  const canary = canaryFrom(fromPpm);
  return endingOf(playExperiment(denseService({ seed, definition: canary, candidate }), { definition: canary }));
}

/** How a played canary ended: without a promotion or rollback it is undecided. */
export function endingOf({ phase, commands, requests, exposed }: Played): Ending {
  const outcome = phase === 'promoted' || phase === 'rolled-back' ? phase : 'undecided';
  const metric = outcome === 'rolled-back' ? (commands.at(-1)?.metric ?? null) : null;
  return { outcome, metric, requests, exposed };
}

/**
 * What each peer's rule makes of the same requests at a constant share: one run of the rule per guardrail that is a mean (errors, latency,
 * alignment, cost); the first rollback of any rolls back, promotion takes the promotion of all.
 */
export function playPeers({ seed, fromPpm, candidate }: Canary): ReadonlyMap<string, Ending> {
  const share = fromPpm / 1e6;
  const traffic = new CanaryTraffic(seed, candidate, share);
  const { request } = traffic;
  const canaries = peerRules.map((rule) => new PeerCanary(rule, share));
  let exposed = 0;
  for (let requests = 1; requests <= MOST_REQUESTS && canaries.some(({ ending }) => ending === null); requests++) {
    traffic.next();
    if (request.isCandidate) exposed += 1;
    for (const canary of canaries) canary.observe(request, requests, exposed);
  }
  const undecided: Ending = { outcome: 'undecided', metric: null, requests: MOST_REQUESTS, exposed };
  return new Map(canaries.map(({ name, ending }) => [name, ending ?? undecided]));
}

/** The mean of the healthy variant's values, which makes relative margins absolute for rules that want them so. */
const MEAN_LATENCY_MS = 800 * Math.exp(0.3 ** 2 / 2);
const MEAN_COST = 0.002 * Math.exp(0.15 ** 2 / 2);

/** One peer's rule over the guardrails that it can judge. */
class PeerCanary {
  ending: Ending | null = null;
  readonly name: string;
  private readonly guards;

  constructor(
    private readonly rule: PeerRule,
    share: number,
  ) {
    this.name = rule.name;
    const guard = (
      metric: string,
      worse: 'lower' | 'higher',
      margin: number,
      valueOf: (request: Request) => number | null,
    ) => ({
      metric,
      valueOf,
      run: rule.start({ share, margin, worse, alpha: ALPHA }),
      units: 0,
      isPromoted: false,
    });
    this.guards = [
      guard('error-rate', 'higher', ERROR_MARGIN, ({ isFailed }) => (isFailed ? 1 : 0)),
      guard('latency', 'higher', LATENCY_MARGIN * MEAN_LATENCY_MS, ({ isFailed, latencyMs }) =>
        isFailed ? null : latencyMs,
      ),
      guard('alignment', 'lower', ALIGNMENT_MARGIN * 0.3, ({ isScored, alignment }) => (isScored ? alignment : null)),
      guard('cost-per-image', 'higher', COST_MARGIN * MEAN_COST, ({ isFailed, cost }) => (isFailed ? null : cost)),
    ];
  }

  observe(request: Request, requests: number, exposed: number): void {
    if (this.ending !== null) return;
    for (const guard of this.guards) {
      if (guard.isPromoted) continue;
      const value = guard.valueOf(request);
      if (value === null) continue;
      guard.run.observe(request.isCandidate, value);
      guard.units += 1;
      if (this.rule.everyUnits !== null && guard.units % this.rule.everyUnits !== 0) continue;
      const decision = guard.run.decide();
      if (decision === 'rollback') {
        this.ending = { outcome: 'rolled-back', metric: guard.metric, requests, exposed };
        return;
      }
      if (decision === 'promote') guard.isPromoted = true;
    }
    if (this.guards.every(({ isPromoted }) => isPromoted)) {
      this.ending = { outcome: 'promoted', metric: null, requests, exposed };
    }
  }
}
