import { share } from './format.js';
import { whereOf } from './words.js';

/** Who may still win: neither control nor its second arm, nor what was dropped. */
export function candidatesOf({ spec, dropped = [] }) {
  const { variants, control, baseline } = spec;
  return Object.keys(variants).filter((name) => name !== control && name !== baseline && !dropped.includes(name));
}

/**
 * The orders that an experiment can be given as it stands, each with what will happen, in numbers. `standing` is the experiment as the decision
 * service sees it, with the mode of its service where it is paused; `unproven` names what is not proven of a candidate yet.
 */
export function ordersFor(standing, unproven = []) {
  switch (standing.phase) {
    case 'draft':
      return approvals(standing);
    case 'running':
    case 'held':
      return [
        ...approvals(standing),
        pause(standing),
        freeze(standing),
        ...promotions(standing, unproven),
        ...drops(standing),
        rollback(standing),
      ];
    case 'paused':
      return [
        ...(isFrozen(standing) ? [unfreeze(standing)] : [resume(standing), freeze(standing)]),
        ...promotions(standing, unproven),
        ...drops(standing),
        rollback(standing),
      ];
    case 'quarantined':
      return [rollbackOfQuarantined(standing)];
    default:
      return ended(standing);
  }
}

function pause(standing) {
  return {
    order: 'pause',
    label: 'Pause',
    says: `The ramp stays where it is: ${servedWords(standing)} until somebody resumes it. The clock of the deadline stands still. Proven harm still rolls back.`,
  };
}

function resume(standing) {
  return {
    order: 'resume',
    label: 'Resume',
    says: `The ramp goes on: ${servedWords(standing)} now. The clock of the deadline goes on as well.`,
  };
}

/** Whether an experiment stands still because its service does. */
function isFrozen({ serviceMode }) {
  return serviceMode !== undefined && serviceMode !== 'open';
}

function freeze({ service }) {
  return {
    order: 'freeze',
    label: 'Freeze service',
    says: `All ramps of ${service} stand still where they are, those of other experiments too, and nothing begins there until somebody unfreezes it. Proven harm still rolls back.`,
  };
}

function unfreeze({ service, serviceMode }) {
  return {
    order: 'unfreeze',
    label: 'Unfreeze service',
    says: `All ramps of ${service} go on that stand still because ${serviceMode === 'paused' ? 'it is frozen' : `it was ${serviceMode}`}, this one among them.`,
  };
}

function servedWords(standing) {
  if (standing.shadow) return 'nobody is served by a candidate, copies of requests go to it';
  const candidates = candidatesOf(standing);
  const ppm = shareOf(standing, candidates);
  return `${candidates.join(' and ')} ${candidates.length === 1 ? 'has' : 'have'} ${share(ppm)} of ${traffic(standing)}`;
}

function promotions(standing, unproven) {
  if (standing.shadow) return [];
  const candidates = candidatesOf(standing);
  const { control, slot } = standing.spec;
  return candidates.map((variant) => {
    const others = 1_000_000 - shareOf(standing, [variant]);
    const missing = unproven.filter(({ candidate }) => candidate === variant).map(({ metric }) => metric);
    return {
      order: 'promote',
      variant: candidates.length === 1 ? undefined : variant,
      label: candidates.length === 1 ? 'Promote' : `Promote ${variant}`,
      says: [
        `${variant} gets all of ${traffic(standing)}: ${share(others)} moves to it now, for good, without waiting for the proof.`,
        missing.length === 0 ? '' : `Not proven yet: ${missing.join(', ')}.`,
        slot ? '' : `It becomes what ${standing.service} serves in place of ${control}.`,
      ]
        .filter((sentence) => sentence !== '')
        .join(' '),
      isGrave: true,
    };
  });
}

function drops(standing) {
  const candidates = candidatesOf(standing);
  if (candidates.length < 2) return [];
  return candidates.map((variant) => ({
    order: 'drop-arm',
    variant,
    label: `Drop ${variant}`,
    says: `${share(shareOf(standing, [variant]))} of ${traffic(standing)} goes from ${variant} to ${standing.spec.control}. ${latched(standing, variant)} The test goes on with the others.`,
    isGrave: true,
  }));
}

function rollback(standing) {
  const candidates = candidatesOf(standing);
  const ppm = 1_000_000 - shareOf(standing, [standing.spec.control]);
  const moved =
    ppm === 0
      ? `No traffic moves: nobody is served by ${candidates.join(' or ')}.`
      : `${share(ppm)} of ${traffic(standing)} goes back to ${standing.spec.control} now, for good.`;
  return {
    order: 'rollback',
    label: 'Roll back',
    says: `${moved} ${latched(standing, candidates.join(' and '))}`,
    isGrave: true,
    isReasonOptional: true,
  };
}

function rollbackOfQuarantined({ control, weightsPpm }) {
  const ppm = control === null || weightsPpm === null ? null : 1_000_000 - (weightsPpm[control] ?? 0);
  return {
    order: 'rollback',
    label: 'Roll back',
    says: `The log of this experiment can’t be read. ${ppm === null ? 'All traffic' : `${share(ppm)} of the traffic`} goes back to ${control ?? 'control'} now, for good.`,
    isGrave: true,
    isReasonOptional: true,
  };
}

function latched({ service }, names) {
  return `The configuration of ${names} comes back to ${service} only after somebody lets it be tried again.`;
}

/** The approval that is missing next. */
function approvals(standing) {
  const { spec, stage, approvals: given, shadow } = standing;
  const isBefore = standing.phase === 'draft' || shadow;
  const from = isBefore ? 0 : (stage?.index ?? -1) + 1;
  const index = spec.ramp.stages.findIndex(
    ({ approval }, at) => at >= from && approval === 'required' && !given.given.includes(at),
  );
  if (index === -1) return [];
  const { weightPpm, judgements } = spec.ramp.stages[index];
  const instead =
    judgements === undefined ? '' : ` It stands for the ${judgements} judgements that the stage asks for.`;
  return [
    {
      order: 'approve',
      stage: index,
      label: `Approve ${share(weightPpm)}`,
      says: `${approvalWords(standing, index, weightPpm)}${instead}`,
    },
  ];
}

function approvalWords(standing, index, weightPpm) {
  const names = candidatesOf(standing).join(' and ');
  if (standing.phase === 'draft' && index === 0)
    return `The experiment starts: ${names} gets ${share(weightPpm)} of ${traffic(standing)} now.`;
  const rises = `The share of ${names} may rise from ${share(shareOf(standing, candidatesOf(standing)))} to ${share(weightPpm)} of ${traffic(standing)}`;
  return standing.approvals.awaited === index
    ? `${rises} now: everything else that it takes is proven.`
    : `${rises} as soon as everything that it takes is proven.`;
}

/** After the end: start again, and let what was rolled back be tried again. */
function ended(standing) {
  const { spec, fingerprints, phase, dropped = [], service } = standing;
  const { variants, ramp } = spec;
  const fallen = phase === 'rolled-back' ? candidatesOf({ spec }) : dropped.filter((name) => name in variants);
  return [
    ...fallen.map((variant) => ({
      order: 'retry',
      variant,
      fingerprint: fingerprints[variant],
      label: fallen.length === 1 ? 'Retry' : `Retry ${variant}`,
      says: `The configuration of ${variant} may be tried again on ${service}. Nothing is served by it until an experiment starts: apply a file, or start a new attempt of this one.`,
    })),
    {
      order: 'new-attempt',
      label: 'New attempt',
      says: `The experiment starts again as a new revision, without the evidence of this one, ${spec.shadow ? 'in its shadow' : `at ${share(ramp.stages[0].weightPpm)} of ${traffic(standing)}`}.`,
    },
  ];
}

function shareOf({ weightsPpm }, names) {
  return names.reduce((sum, name) => sum + (weightsPpm?.[name] ?? 0), 0);
}

function traffic({ service, spec }) {
  return spec.slot ? `the traffic of ${whereOf({ service, slot: spec.slot })}` : 'the traffic';
}
