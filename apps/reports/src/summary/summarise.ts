import { quantileSorted } from 'simple-statistics';
import { candidatesOf, comparedWith, lastOfPhase, phaseAfter, type ExperimentAnalysed } from '#libs/contracts';
import { deadlineMsIn, healthNotes, metricNotes, type Notice, noticesOf } from '#libs/delivery';
import type {
  RecordedApplication,
  RecordedCommand,
  RecordedController,
  RecordedDefinition,
  TrafficCount,
} from '#libs/persistence/reports';
import type {
  ApplicationSummary,
  DecisionSummary,
  DurationSummary,
  ExperimentListing,
  ExperimentSummary,
  TimeToRollback,
  VariantSummary,
} from './experiment-summary.js';
import { askedJudgements } from '../review/asked-judgements.js';
import { runClock } from './run-clock.js';
import { isShadowSoFar, shadowSummary } from './shadow-summary.js';

/** What is known of one revision of an experiment. */
export interface ExperimentFacts {
  readonly definition: RecordedDefinition;
  readonly commands: readonly RecordedCommand[];
  readonly applied: readonly RecordedApplication[];
  readonly traffic: readonly TrafficCount[];
  readonly analysis: ExperimentAnalysed | undefined;
  readonly controllers: readonly RecordedController[];
}

/** Everything a person has to know about one experiment, from the recorded facts alone. */
export function summarise(facts: ExperimentFacts, nowMs: number): ExperimentSummary {
  const { definition, commands, analysis } = facts;
  const { spec } = definition;
  const decisions = commands.map((command) => summariseDecision(command, facts.applied));
  const variants = Object.keys(spec.variants).map((variant) => summariseVariant(variant, facts));
  const [controller] = facts.controllers;
  return {
    experiment: definition.experiment,
    revision: definition.revision,
    service: spec.service,
    slot: spec.slot ?? null,
    kind: spec.kind,
    unit: spec.unit,
    phase: phaseAfter(lastOfPhase(commands)),
    definedAt: definition.definedAt.toISOString(),
    definedBy: definition.definedBy,
    control: spec.control,
    comparedWith: comparedWith(spec),
    candidates: candidatesOf(spec),
    alpha: spec.alpha,
    alphaPer: spec.alphaPer ?? 'guardrail',
    decidesAtLnE: -Math.log(spec.alpha),
    stage: {
      index: commands.at(-1)?.stage ?? 0,
      of: spec.ramp.stages.length,
      weightsPpm: spec.ramp.stages.map(({ weightPpm }) => weightPpm),
    },
    hasGates: spec.ramp.stages.some(({ gates }) => gates !== undefined),
    weightsPpm: commands.at(-1)?.weightsPpm ?? {},
    epoch: commands.at(-1)?.epoch ?? 0,
    variants,
    exposed: total(variants.filter(({ role }) => role === 'candidate').map(({ requests }) => requests)),
    guardrails: [
      ...spec.guardrails.map(({ metric, margin }) => ({ metric, margin })),
      ...(spec.dryRun ?? []).map(({ metric, margin }) => ({ metric, margin, isDryRun: true as const })),
    ],
    metrics: (analysis?.metrics ?? []).map((metric) => ({ ...metric, notes: metricNotes(spec, metric) })),
    shadow: shadowSummary(spec, commands, analysis),
    objectives: analysis?.objectives ?? null,
    health: analysis?.health ?? null,
    healthNotes: analysis ? healthNotes(analysis.health) : null,
    notices: notices(facts, nowMs),
    asked: commands.at(-1)?.terminal ? null : askedJudgements(spec, analysis),
    analysedAt: analysis?.analysedAt ?? null,
    decisions,
    timeToRollback: timeToRollback(decisions),
    controller: controller
      ? {
          name: controller.controller,
          lastHeartbeatAt: controller.lastHeartbeatAt.toISOString(),
          silentMs: Math.max(0, nowMs - controller.lastHeartbeatAt.getTime()),
        }
      : null,
  };
}

function notices({ definition, commands, analysis }: ExperimentFacts, nowMs: number): readonly Notice[] {
  const { spec } = definition;
  const stage = commands.at(-1)?.stage ?? 0;
  const clock = runClock(commands, deadlineMsIn(spec, stage), nowMs);
  if (!clock || !analysis) return [];
  return noticesOf(spec, analysis, { ...clock, stage, isInShadow: isShadowSoFar(spec, commands) });
}

/** One line of the list. */
export function summariseListing(
  definition: RecordedDefinition,
  commands: readonly RecordedCommand[],
): ExperimentListing {
  const last = commands.at(-1);
  return {
    experiment: definition.experiment,
    revision: definition.revision,
    service: definition.spec.service,
    slot: definition.spec.slot ?? null,
    kind: definition.spec.kind,
    phase: phaseAfter(lastOfPhase(commands)),
    definedAt: definition.definedAt.toISOString(),
    weightsPpm: last?.weightsPpm ?? {},
    lastDecision: last ? { command: last.command, message: last.message, at: last.commandedAt.toISOString() } : null,
  };
}

function summariseVariant(
  variant: string,
  { definition, commands, traffic, analysis }: ExperimentFacts,
): VariantSummary {
  const { spec, fingerprints } = definition;
  const own = traffic.filter((count) => count.variant === variant);
  const requestsByOutcome: Record<string, number> = {};
  for (const { outcome, requests } of own) requestsByOutcome[outcome] = (requestsByOutcome[outcome] ?? 0) + requests;
  return {
    variant,
    role: variant === spec.control ? 'control' : variant === spec.baseline ? 'baseline' : 'candidate',
    config: (spec.variants[variant] as (typeof spec.variants)[string]).config,
    fingerprint: fingerprints[variant] ?? null,
    weightPpm: commands.at(-1)?.weightsPpm[variant] ?? 0,
    requests: total(own.map(({ requests }) => requests)),
    requestsByOutcome,
    units: analysis?.units[variant] ?? null,
  };
}

function summariseDecision(command: RecordedCommand, applications: readonly RecordedApplication[]): DecisionSummary {
  return {
    epoch: command.epoch,
    command: command.command,
    stage: command.stage,
    weightsPpm: command.weightsPpm,
    reason: command.reason,
    message: command.message,
    actor: command.actor,
    commandedAt: command.commandedAt.toISOString(),
    terminal: command.terminal,
    evidence: command.evidence,
    applied: applications
      .filter(({ commandId }) => commandId === command.commandId)
      .map((application) => summariseApplication(application, command)),
  };
}

function summariseApplication(application: RecordedApplication, command: RecordedCommand): ApplicationSummary {
  const appliedMs = application.appliedAt.getTime();
  const detectedAt = command.evidence?.newestEventAt ?? command.evidence?.analysedAt;
  return {
    router: application.router,
    outcome: application.outcome,
    reason: application.reason,
    appliedAt: application.appliedAt.toISOString(),
    commandedToAppliedMs: appliedMs - command.commandedAt.getTime(),
    detectionToAppliedMs: detectedAt === undefined ? null : appliedMs - Date.parse(detectedAt),
  };
}

function timeToRollback(decisions: readonly DecisionSummary[]): TimeToRollback | null {
  const applied = decisions
    .filter(({ command }) => command === 'rollback')
    .flatMap(({ applied: applications }) => applications)
    .filter(({ outcome }) => outcome === 'applied');
  const commandedToAppliedMs = summariseDurations(applied.map((application) => application.commandedToAppliedMs));
  if (commandedToAppliedMs === null) return null;
  const detected = applied.map((application) => application.detectionToAppliedMs).filter((ms) => ms !== null);
  return { detectionToAppliedMs: summariseDurations(detected), commandedToAppliedMs };
}

function summariseDurations(durationsMs: readonly number[]): DurationSummary | null {
  if (durationsMs.length === 0) return null;
  const sorted = [...durationsMs].sort((a, b) => a - b);
  return { p50: quantileSorted(sorted, 0.5), max: sorted.at(-1) as number };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
