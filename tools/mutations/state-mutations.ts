import type { Mutation } from './mutation.js';

const DELIVERY = 'libs/delivery/src';
const EVOLVE = `${DELIVERY}/evolve.ts`;
const STANDSTILL = `${DELIVERY}/rules/standstill.ts`;
const HOURS = [`${DELIVERY}/rules/standstill.spec.ts`];
const HISTORIES = [`${DELIVERY}/service/service.property.spec.ts`];
const BAKE = [`${DELIVERY}/rules/bake.spec.ts`];
const TRUST = 'libs/messaging/src/signing/order-trust.ts';
const SIGNING = ['libs/messaging/src/signing/signing.spec.ts'];

/** What a state remembers and forgets, frozen times, and whose word counts. */
export const STATE_MUTATIONS: readonly Mutation[] = [
  {
    breaks: 'A new revision has the approvals of the one before',
    file: EVOLVE,
    from: '    approvedStages: [],\n',
    to: '    approvedStages: (state as DraftState).approvedStages ?? [],\n',
    specs: ['test/incidents.spec.ts'],
  },
  {
    breaks: 'An end leaves an approval behind that is waited for',
    file: EVOLVE,
    from: 'return { ...commanded(state, event), awaitsApprovalOf: null };',
    to: 'return commanded(state, event);',
    specs: ['test/incidents.spec.ts'],
  },
  {
    breaks: 'A start leaves an approval behind that is waited for',
    file: EVOLVE,
    from: '    alerts: [],\n    awaitsApprovalOf: null,\n',
    to: '    alerts: [],\n',
    specs: ['test/incidents.spec.ts', `${DELIVERY}/decider.spec.ts`],
  },
  {
    breaks: 'The time of a pause is forgotten when it ends',
    file: EVOLVE,
    from: 'pausedMs: known.pausedMs + (known.phase',
    to: 'pausedMs: 0 * (known.phase',
    specs: ['test/incidents.spec.ts'],
  },
  {
    breaks: 'A share rises by itself in a freeze window',
    file: `${DELIVERY}/policy.ts`,
    from: 'if (standstillAt(spec, atMs) !== undefined) return false;',
    to: '',
    specs: HOURS,
  },
  {
    breaks: 'A share rises while requests of the candidate hang',
    file: `${DELIVERY}/policy.ts`,
    from: 'underWay) === null;',
    to: 'underWay) === null || true;',
    specs: [`${DELIVERY}/rules/unanswered.spec.ts`],
  },
  {
    breaks: 'What control has open is no measure of what a candidate has',
    file: `${DELIVERY}/rules/unanswered.ts`,
    from: 'open - USUAL_TIMES * expected - error',
    to: 'open - error',
    specs: [`${DELIVERY}/rules/unanswered.spec.ts`],
  },
  {
    breaks: 'A freeze window keeps holds back as well',
    file: `${DELIVERY}/policy.ts`,
    from: 'events.filter((event) => !isRise(state, event))',
    to: '[]',
    specs: HOURS,
  },
  {
    breaks: 'A freeze window ends a minute late',
    file: STANDSTILL,
    from: 'minute < window.toMinute',
    to: 'minute <= window.toMinute',
    specs: HOURS,
  },
  {
    breaks: 'A freeze window ends a moment late',
    file: STANDSTILL,
    from: 'atMs < window.toMs',
    to: 'atMs <= window.toMs',
    specs: HOURS,
  },
  {
    breaks: 'A share rises outside its schedule',
    file: STANDSTILL,
    from: 'if (schedule.length === 0 || schedule',
    to: 'if (schedule.length >= 0 || schedule',
    specs: HOURS,
  },
  {
    breaks: 'A ramp leaves its bake out',
    file: `${DELIVERY}/rules/climb.ts`,
    from: '(bakeOnTheWay(spec, stage) ?? top)',
    to: 'top',
    specs: BAKE,
  },
  {
    breaks: 'A bake begins before the promotion is proven',
    file: `${DELIVERY}/allocation.ts`,
    from: 'return spec.ramp.stages[stage]?.bake === true ? MILLION : stageWeightPpm(spec, stage);',
    to: 'return stageWeightPpm(spec, stage);',
    specs: BAKE,
  },
  {
    breaks: 'The time of a bake runs against the deadline',
    file: `${DELIVERY}/rules/deadline.ts`,
    from: 'return deadlineMs + bakeMs(ramp.stages[stage]);',
    to: 'return deadlineMs;',
    specs: BAKE,
  },
  {
    breaks: "An experiment's orders have epochs of their own instead of the service's",
    file: `${DELIVERY}/service/decide-on-service.ts`,
    from: 'return (state.epoch ?? 0) >= epoch ? state : { ...state, epoch };',
    to: 'return state;',
    specs: HISTORIES,
  },
  {
    breaks: 'Another experiment brings back what was rolled back, in some history',
    file: `${DELIVERY}/service/admission.ts`,
    from: "  if (input.type !== 'new-attempt') refuseLatched(service, definition);\n",
    to: '',
    specs: HISTORIES,
  },
  {
    breaks: 'A share rises in hours in which none may, in some history',
    file: `${DELIVERY}/policy.ts`,
    from: 'if (standstillAt(spec, atMs) !== undefined) return false;',
    to: '',
    specs: HISTORIES,
  },
  {
    breaks: 'A winner needs no proof of every guardrail, in some history',
    file: `${DELIVERY}/rules/guardrail-proof.ts`,
    from: '  if (!holdsAtMargin(metric)) return undefined;\n',
    to: '',
    specs: HISTORIES,
  },
  {
    breaks: 'An order without a signature is obeyed where a key is known',
    file: TRUST,
    from: "unsigned === undefined ? this.keys.size === 0 : unsigned === 'allowed'",
    to: 'true',
    specs: SIGNING,
  },
  {
    breaks: 'An order signed with an unknown key is obeyed',
    file: TRUST,
    from: '    if (!key)\n      return',
    to: '    if (!key) return undefined;\n    if (!key)\n      return',
    specs: SIGNING,
  },
  {
    breaks: 'A signature about something else counts',
    file: TRUST,
    from: "return isSignedBy(record, key) ? undefined : 'its signature is not about what it says';",
    to: 'return undefined;',
    specs: SIGNING,
  },
  ...['ce_type', 'ce_source', 'ce_subject', 'ce_time'].map((name): Mutation => ({
    breaks: `A signed order may be changed in ${name}`,
    file: 'libs/messaging/src/signing/event-signature.ts',
    from: `, '${name}'`,
    to: '',
    specs: SIGNING,
  })),
  {
    breaks: 'A signed order may be changed in ce_id',
    file: 'libs/messaging/src/signing/event-signature.ts',
    from: "'ce_id', ",
    to: '',
    specs: SIGNING,
  },
  {
    breaks: 'A signed order may be given to another topic or key',
    file: 'libs/messaging/src/signing/event-signature.ts',
    from: 'const parts = [topic, key, ...SIGNED_HEADERS',
    to: 'const parts = [...SIGNED_HEADERS',
    specs: SIGNING,
  },
];
