const DECIDER = 'libs/delivery/src/decider.spec.ts';
const HISTORIES = 'libs/delivery/src/decider.property.spec.ts';
const SERVICE = 'libs/delivery/src/service/service.spec.ts';
const EFFECT = 'libs/delivery/src/service/effect.spec.ts';
const ROUTER = 'apps/router/src/router.spec.ts';
const ASSIGN = 'libs/assignment/src/assign.spec.ts';
const FILE = 'libs/contracts/src/experiment/file.spec.ts';
const EVIDENCE = 'libs/evidence/src/evidence.spec.ts';
const OUTCOMES = 'libs/evidence/src/outcomes.spec.ts';
const DECISION = 'test/integration/decision.int.spec.ts';
const QUARANTINE = 'test/integration/decision-quarantine.int.spec.ts';
const SERVICES = 'test/integration/services.int.spec.ts';
/** Plays them on a bus, routers and a decision service as in production. */
export const ON_THE_BUS = 'test/integration/incidents.int.spec.ts';

/** Something that really happened to another delivery controller, and what protects against it here. */
export interface Incident {
  readonly number: number;
  readonly happened: string;
  readonly holds: string;
  /** Tests by file and name; each fails where the behaviour is broken. */
  readonly protectedBy: readonly (readonly [file: string, test: string])[];
  /** Why no bus is involved: all others are played on the real one as well. */
  readonly withoutBus?: string;
}

export const INCIDENTS: readonly Incident[] = [
  {
    number: 1,
    happened: 'an inconclusive analysis was promoted when a pause timer ran out',
    holds: 'inconclusive never promotes; no timer promotes',
    protectedBy: [
      [
        ON_THE_BUS,
        '1: a deadline that passes ends a canary that is inconclusive at control, whatever was proven while it was held',
      ],
      [DECIDER, 'promotes nothing: inconclusive when it runs out, whatever was pending'],
      [HISTORIES, 'the share rises only by a healthy analysis that proves it, or by a named operator'],
    ],
  },
  {
    number: 2,
    happened: 'a failed analysis did not stop the roll-out; later good data undid it',
    holds: 'a rollback latches',
    protectedBy: [
      [ON_THE_BUS, '2: latches: good data later changes nothing of what is served'],
      [DECIDER, 'latches: good data later changes nothing'],
      [DECISION, 'turns a harmful analysis into one rollback command, and good data later into nothing'],
    ],
  },
  {
    number: 3,
    happened: 'an experiment was successful while an analysis later failed',
    holds: 'a verdict only when all required metrics are final',
    protectedBy: [
      [ON_THE_BUS, '3: a share rises when every guardrail is final, not before'],
      [DECIDER, 'wants every guardrail: one that is undecided or missing stops the ramp'],
      [DECIDER, 'ends a candidate that an operator promoted before it was known'],
    ],
  },
  {
    number: 4,
    happened: 'zero measurements counted as success',
    holds: 'no data is undecided',
    protectedBy: [
      [ON_THE_BUS, '4: no data is undecided: nothing rises'],
      [DECIDER, 'lets no share rise without data'],
      [EVIDENCE, 'has a reason for every metric before any event'],
      [FILE, 'are there without being written, after those that are, and on the wire'],
    ],
  },
  {
    number: 5,
    happened: 'two controllers were active after leader loss',
    holds: 'epochs fence; the router drops the smaller',
    protectedBy: [
      [ON_THE_BUS, '5: that have lost the lead are not obeyed: two decide once, and routers refuse a smaller epoch'],
      [ROUTER, 'are obeyed by epoch and answered: a smaller or equal one is refused'],
      [EFFECT, 'that a router has not followed is given again above every epoch, word for word, with an alert'],
      [DECISION, 'write one history: what both see is decided once, and epochs grow strictly'],
    ],
  },
  {
    number: 6,
    happened: 'an abort was ignored after "promote full"',
    holds: 'a rollback beats every other command at any time',
    protectedBy: [
      [ON_THE_BUS, '6: beats a promotion by hand at any time, also while another session sits on its rows'],
      [DECIDER, 'by an operator beats everything, at any time, also after a promotion'],
      [DECISION, 'do not stop a rollback: a session that sits on them and does nothing is ended'],
      [
        'test/integration/persistence-decisions.int.spec.ts',
        'publishes a command at once, whatever waits in other topics and although the bus hangs on one of them',
      ],
    ],
  },
  {
    number: 7,
    happened: 'an abort flapped between versions',
    holds: 'one terminal state per revision',
    protectedBy: [
      [
        ON_THE_BUS,
        '7: is the one end of its revision: nothing that is ordered or proven afterwards gives the candidate anybody',
      ],
      [HISTORIES, 'an ended revision only ever changes to rolled back'],
      [
        'apps/router/src/routing/routing-table.spec.ts',
        'after the last one of its revision is refused, unless it is a rollback, the same once more, or of another revision',
      ],
    ],
  },
  {
    number: 8,
    happened: 'a controller was stuck, and the deadline never fired',
    holds: "a deadline's timer does not depend on what is stuck",
    protectedBy: [
      [ON_THE_BUS, '8: end an experiment at its deadline while another one is stuck'],
      [
        DECISION,
        'stop the clock of their experiment alone; readiness and the experiment say so, and an order is answered',
      ],
      [DECISION, 'delay no verdict about another experiment, and none about their own once they are free'],
    ],
  },
  {
    number: 9,
    happened: 'it retried by itself after an abort',
    holds: 'what was rolled back comes back by an explicit retry alone',
    protectedBy: [
      [ON_THE_BUS, '9: is not undone by the file that is applied again, also not at a service that was restarted'],
      [DECIDER, 'is not retried by applying the same file again'],
      [SERVICE, 'does not take a configuration back that was rolled back, until somebody asks for a retry'],
    ],
  },
  {
    number: 10,
    happened: 'a fast rollback overloaded the small canary',
    holds: 'a rollback always goes to control',
    protectedBy: [
      [ON_THE_BUS, '10: gives everybody to control, however small the share of control was'],
      [DECIDER, 'goes to the control that the file pins, whatever was served before or comes first'],
    ],
  },
  {
    number: 11,
    happened: 'it rolled back onto a broken control: an outage',
    holds: "the target's health is looked at first; where both are bad, control and an alarm",
    protectedBy: [
      [ON_THE_BUS, '11: to a control that is broken itself goes there and raises an alert that says so'],
      [
        DECIDER,
        "11: looks at control's recent requests, not at those of the whole night, also when a person rolls back",
      ],
      [DECISION, '11: a person who rolls back to a broken control is told at once'],
    ],
  },
  {
    number: 12,
    happened: 'a new version inherited old evidence',
    holds: 'a changed fingerprint is a new revision',
    protectedBy: [
      [ON_THE_BUS, '12: a changed configuration is a new revision, and what was proven of the old one raises nothing'],
      [DECIDER, 'is a new revision without evidence when a fingerprint has changed'],
      [DECIDER, 'is not judged by the evidence of another revision'],
      ['libs/evidence/src/analysis/consistency.spec.ts', 'are those that the experiment declares'],
    ],
  },
  {
    number: 13,
    happened: 'a misspelt metric silently passed',
    holds: 'an unknown metric, or an unknown key, is an error at apply',
    protectedBy: [
      [ON_THE_BUS, '13: a misspelt metric is refused where the file is applied, and routes nothing'],
      [FILE, 'names file, line and expectation of a misspelt metric'],
      [FILE, 'are refused inside variants, where a weight or a switch would be believed'],
    ],
  },
  {
    number: 14,
    happened: 'state was lost on a rebuild, and the unreviewed version got everything',
    holds: 'rebuilding from the log gives the same state',
    protectedBy: [
      [ON_THE_BUS, '14: of everything from the log alone leaves the state as it was, and no draft is served'],
      [HISTORIES, 'rebuilding from the stored log gives the state that following it gave'],
      [QUARANTINE, 'is quarantined by itself: the service starts, shows it, and decides about all others'],
      [QUARANTINE, 'is refused before it is appended: %s'],
      [ROUTER, 'goes on with its last-known-good file where the log is there and empty, until it is commanded'],
    ],
  },
  {
    number: 15,
    happened: 'a failed gate restarted the analysis at step 0',
    holds: 'steps are taken once',
    protectedBy: [
      [ON_THE_BUS, '15: takes no step a second time'],
      [DECIDER, 'takes each step once: an analysis repeated, or made before the step was taken, ends no stage'],
      [HISTORIES, 'the same input again decides nothing new'],
    ],
  },
  {
    number: 16,
    happened: 'a failed canary could never be started again',
    holds: 'an explicit new attempt works',
    protectedBy: [
      [ON_THE_BUS, '16: begin again where somebody asks for it: a new attempt is served, from its first stage'],
      [DECIDER, 'is left by an explicit new attempt: a new revision from the first stage, with a larger epoch'],
      [SERVICE, 'lifts the latch by a new attempt, which is a retry of the same file'],
    ],
  },
  {
    number: 17,
    happened: 'it rolled back to the wrong older version',
    holds: 'control is pinned in the experiment and is the baseline, never "previous"',
    protectedBy: [
      [ON_THE_BUS, '17: goes to the control that the experiment pins, not to what was served before that'],
      [DECIDER, 'goes to the control that the file pins, whatever was served before or comes first'],
      [SERVICE, 'is not taken back past a later experiment: that one is rolled back first'],
    ],
  },
  {
    number: 18,
    happened: 'the event that ended an experiment was lost in a restart',
    holds: 'state is a log, and the news of it is published after a restart as well',
    protectedBy: [
      [ON_THE_BUS, '18: publishes the end that was decided and not told when the service died'],
      [DECISION, 'loses nothing that was committed when it dies before it could publish'],
      [DECISION, 'stands after a restart where it stood, rebuilt from the log alone'],
    ],
  },
  {
    number: 19,
    happened: 'arms were swapped: control was analysed as the candidate',
    holds: 'swapping the arms flips the sign',
    protectedBy: [
      [EVIDENCE, 'flips with the variants'],
      [HISTORIES, 'swapping the names of control and candidate swaps the weights and nothing else'],
    ],
    withoutBus: 'which arm is subtracted from which is arithmetic, the same for every event however it came',
  },
  {
    number: 20,
    happened: 'a failed metric was stored as zero',
    holds: 'null with a reason, never 0',
    protectedBy: [
      ['libs/evidence/src/catalogue/unknown-values.spec.ts', 'of a score: alignment and quality'],
      [EVIDENCE, 'has a reason for every metric before any event'],
    ],
    withoutBus: 'what an event says is turned into a value before anything is published',
  },
  {
    number: 21,
    happened: 'a sample-ratio alarm hid a failing guardrail',
    holds: 'harm is evaluated first',
    protectedBy: [
      [ON_THE_BUS, '21: is not kept back by a split that is off'],
      [DECIDER, 'is evaluated before health: a sample-ratio alarm hides no failing guardrail'],
    ],
  },
  {
    number: 22,
    happened: 'one hash for exposure and for the arm skewed the arms',
    holds: 'independent salts',
    protectedBy: [[ASSIGN, 'splits those behind a gate in the same shares: gate and arm are independent']],
    withoutBus: 'two hashes of one name',
  },
  {
    number: 23,
    happened: 'a weighted choice by w × hash gave a 10 % arm 5.6 %',
    holds: 'the split is what was ordered, by a chi-square test',
    protectedBy: [[ASSIGN, 'draws in the promised shares (chi-square at 0.1 %, also for shares of 1 %)']],
    withoutBus: 'a hash and a division',
  },
  {
    number: 24,
    happened: 'a hash seeded per process moved users at every restart',
    holds: 'golden assignments, the same in every process',
    protectedBy: [
      [ON_THE_BUS, '24: of a router gives every unit the variant that it had'],
      [ASSIGN, 'are the same in every process, version and language'],
    ],
  },
  {
    number: 25,
    happened: 'users hopped between variants when the share was raised',
    holds: 'raising a weight moves no exposed unit; lowering moves only those that must',
    protectedBy: [
      [ON_THE_BUS, '25: raise a share without taking the candidate from anybody, and lower it to nobody'],
      [ASSIGN, 'takes no unit from one or two candidates but as many as their own share falls'],
      [
        ASSIGN,
        'takes no unit from three or more candidates but as many as their own share falls, while none outgrows its home',
      ],
    ],
  },
  {
    number: 26,
    happened: 'a "rollback" reported success and changed nothing',
    holds: 'the variant that is served is looked at, and what every router says it obeys',
    protectedBy: [
      [
        ON_THE_BUS,
        '26: is effective when both routers have said that they obey, and then nobody is served by the candidate',
      ],
      [
        SERVICES,
        'is served by its router as its one order of epochs says: drafts, promotions, rollbacks and a baseline set by hand',
      ],
      [
        SERVICES,
        'has orders that are ordered, then effective; what a router does not follow is ordered again until it does',
      ],
      [
        ROUTER,
        'after a rollback not one of 1,000 requests is answered by the candidate, and nothing but a new revision leaves it',
      ],
    ],
  },
  {
    number: 27,
    happened: 'a metric outage was taken for a bad canary',
    holds: '"cannot tell" holds, then onInconclusive; also after a restart of the controller',
    protectedBy: [
      [
        ON_THE_BUS,
        '27: analyses that stop are no bad canary: held also by a service that starts after the last one, and then as onInconclusive says',
      ],
      [DECIDER, 'held too long is inconclusive: a metric outage is no bad canary, and no promotion either'],
      [DECISION, '27: a restart does not make it blind: analyses that have stopped before it are missed all the same'],
    ],
  },
  {
    number: 28,
    happened: '80/20 was planned, 67/33 was served',
    holds: 'a sample-ratio mismatch blocks promotion, not rollback',
    protectedBy: [
      [ON_THE_BUS, '28: a split that is off blocks what is proven, and no rollback'],
      [DECIDER, '%s holds the ramp although everything is proven'],
      [DECIDER, 'is evaluated before health: a sample-ratio alarm hides no failing guardrail'],
      [EVIDENCE, 'sees units that are missing from one variant'],
    ],
  },
  {
    number: 29,
    happened: 'timed-out requests were dropped from the latency',
    holds: 'their latency has no end, and is kept',
    protectedBy: [
      [OUTCOMES, 'is no better where the candidate’s slow answers have become timeouts'],
      [OUTCOMES, 'is not better where the candidate’s slow answers have become errors'],
    ],
    withoutBus:
      'which value a request without an answer counts with is a rule of the evidence, the same for every event however it came',
  },
  {
    number: 30,
    happened: 'a failed stage never cleaned up',
    holds: 'cleaning up is part of the end',
    protectedBy: [
      [
        ON_THE_BUS,
        '30: leave nothing behind an end: neither hold nor pause nor awaited approval, and the service is free for the next',
      ],
      ['test/incidents.spec.ts', 'leaves nothing behind of the hold, the pause or the approval that was waited for'],
      [HISTORIES, 'nothing but acknowledgements and a new revision follows a rollback, and control keeps everything'],
    ],
  },
];
