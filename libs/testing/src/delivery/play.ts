import type { AllocationCommanded, ExperimentAnalysed, ExperimentDefined } from '#libs/contracts';
import { decider, isActive, type DeliveryInput, type DeliveryState } from '#libs/delivery';

/** A service under an experiment: it sends requests as it is ordered to, and says what is known of them. */
export interface SimulatedService {
  /** Time of the newest request, ms since 1970; requests come a hundred a second. */
  readonly atMs: number;
  /** Sends the next request. @returns whether a candidate answered it. */
  next(): boolean;
  /** Serves the command's allocation from the next request on. */
  obey(command: AllocationCommanded): void;
  analysis(): ExperimentAnalysed;
}

/** What a person does after so many requests. */
export type OperatorAct = (now: { readonly atMs: number; readonly commandId: string }) => DeliveryInput;

export interface Play {
  readonly definition: ExperimentDefined;
  readonly mostRequests?: number;
  /** By the number of requests after which they act; 0: before the first. */
  readonly operators?: Readonly<Record<number, OperatorAct>>;
}

/** A command, and the number of requests after which it was given. */
export interface PlayedCommand {
  readonly afterRequests: number;
  readonly command: AllocationCommanded['command'];
  readonly stage: number;
  readonly weightsPpm: AllocationCommanded['weightsPpm'];
  readonly reason: AllocationCommanded['reason'];
  /** The metric that it was given for. */
  readonly metric: string | null;
  readonly message: string;
}

export interface Played {
  readonly commands: readonly PlayedCommand[];
  readonly phase: DeliveryState['phase'];
  readonly requests: number;
  /** Requests that a candidate answered. */
  readonly exposed: number;
}

export const MOST_REQUESTS = 80_000;
const REQUESTS_BETWEEN_LOOKS = 80;
const REQUESTS_BETWEEN_TICKS = 100;
/** While the candidates' share is smaller, each of their answers is looked at. */
const SMALL_SHARE_PPM = 100_000;

/**
 * Plays one experiment by the decider that ships: it takes every analysis, every second's tick and what people do, and the service obeys
 * its commands. Ends with the revision, or after `mostRequests`.
 */
export function playExperiment(
  service: SimulatedService,
  { definition, mostRequests = MOST_REQUESTS, operators = {} }: Play,
): Played {
  const { spec, fingerprints } = definition;
  const commands: PlayedCommand[] = [];
  let state: DeliveryState = decider.initialState;
  let requests = 0;
  let exposed = 0;
  let sinceLook = 0;

  const now = () => ({ atMs: service.atMs, commandId: `command-${commands.length + 1}` });
  const take = (input: DeliveryInput): void => {
    const events = decider.decide(state, input);
    state = events.reduce(decider.evolve, state);
    for (const event of events) {
      if (!('command' in event)) continue;
      service.obey(event.command);
      const { command, stage, weightsPpm, reason, message, evidence } = event.command;
      const metric = evidence?.metric ?? null;
      commands.push({ afterRequests: requests, command, stage, weightsPpm, reason, metric, message });
    }
  };
  const act = (): void => {
    const operator = operators[requests];
    if (operator) take(operator(now()));
  };

  take({ type: 'define', ...now(), actor: 'test', note: '', spec, fingerprints });
  act();
  // A draft is served by nobody.
  while (requests < mostRequests && isActive(state)) {
    const isCandidate = service.next();
    requests += 1;
    sinceLook += 1;
    if (isCandidate) exposed += 1;
    act();
    if (requests % REQUESTS_BETWEEN_TICKS === 0)
      take({ type: 'tick', ...now(), lastAnalysedAtMs: service.atMs, analysisSilentAfterMs: 60_000 });
    if (sinceLook < REQUESTS_BETWEEN_LOOKS && !(isCandidate && candidatesPpm(state) < SMALL_SHARE_PPM)) continue;
    sinceLook = 0;
    take({ type: 'analysed', ...now(), analysis: service.analysis() });
  }
  return { commands, phase: state.phase, requests, exposed };
}

function candidatesPpm(state: DeliveryState): number {
  return 'weightsPpm' in state ? 1_000_000 - (state.weightsPpm[state.spec.control] as number) : 0;
}
