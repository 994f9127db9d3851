import { z } from 'zod';
import { MILLION } from '../names.js';
import { durationText, parseDurationMs } from './duration.js';
import type { Complain } from './file-problems.js';
import { checkLastGates, gatesFile } from './gates.js';
import { AUTO_LADDER_PPM, type Ramp, type RampStage } from './spec.js';

/** A share as people write it. */
export const percentText = z
  .string('expected a percentage such as "5%"')
  .regex(/^\d+(?:\.\d+)?\s*%$/, { error: 'expected a percentage such as "5%"', abort: true });

/** Who lets the ramp go on to a stage, as people write it. */
const approvalFile = z.union(
  [z.enum(['required', 'by-another', 'none']), z.strictObject({ judgements: z.int().min(1).max(100_000) })],
  'expected required, by-another, none, or { judgements: 30 }',
);

/** The ramp as people write it. */
export const rampFile = z.union(
  [
    z.literal('auto'),
    z.strictObject({
      auto: z
        .strictObject({
          from: percentText.optional().describe('The first share; 1% unless it says otherwise.'),
          gates: gatesFile
            .optional()
            .describe('Of every stage, since which of them the ramp passes over is not known.'),
        })
        .refine(({ from, gates }) => from !== undefined || gates !== undefined, 'expected from, gates, or both'),
    }),
    z
      .array(
        z.strictObject({
          weight: percentText,
          atLeast: durationText.optional(),
          atLeastUnits: z.int().min(0).optional(),
          approval: approvalFile.optional(),
          gates: gatesFile.optional(),
        }),
      )
      .min(1),
  ],
  'expected "auto", { auto: { from: 5% } }, or a list of stages such as [{ weight: 5% }, { weight: 100% }]',
);

type WrittenAuto = Partial<Extract<z.output<typeof rampFile>, { readonly auto: object }>['auto']>;

/** Turns the written ramp into stages that rise to 100 %, of which each gives every candidate at least 1 ppm. */
export function readRamp(written: z.output<typeof rampFile>, candidates: number, complain: Complain): Ramp {
  const ramp = stagesOf(written, complain);
  const least = ramp.stages[0]?.weightPpm ?? 0;
  if (least >= 1 && least < candidates) {
    complain(
      ['ramp'],
      `the first stage leaves each of ${candidates} candidates less than 0.0001%: expected a larger one`,
    );
  }
  return ramp;
}

/** "5%" → 50 000. */
export function percentToPpm(text: string): number {
  return Math.round(Number.parseFloat(text) * 10_000);
}

function stagesOf(written: z.output<typeof rampFile>, complain: Complain): Ramp {
  if (written === 'auto') return autoRamp({}, complain);
  if (!Array.isArray(written)) return autoRamp(written.auto, complain);
  const stages: RampStage[] = written.map((stage) => ({
    weightPpm: percentToPpm(stage.weight),
    atLeastMs: stage.atLeast === undefined ? 0 : parseDurationMs(stage.atLeast),
    atLeastUnits: stage.atLeastUnits ?? 0,
    ...approvalOf(stage.approval),
    ...(stage.gates === undefined ? {} : { gates: stage.gates }),
  }));
  stages.forEach(({ weightPpm }, index) => {
    const before = stages[index - 1]?.weightPpm ?? 0;
    if (weightPpm <= before || !isShare(weightPpm)) {
      complain(['ramp', index, 'weight'], 'weights must rise from stage to stage, above 0% and up to 100%');
    }
  });
  checkLastGates(written, complain);
  if (stages.at(-1)?.weightPpm !== MILLION) complain(['ramp'], 'the last stage must be 100%: it is the promotion');
  return { kind: 'explicit', stages };
}

function approvalOf(
  written: z.output<typeof approvalFile> = 'none',
): Pick<RampStage, 'approval' | 'approvedBy' | 'judgements'> {
  if (typeof written === 'object') return { approval: 'required', judgements: written.judgements };
  return written === 'by-another' ? { approval: 'required', approvedBy: 'another' } : { approval: written };
}

function isShare(ppm: number): boolean {
  return ppm >= 1 && ppm <= MILLION;
}

/** Every stage has the gates: the ramp goes as far as is proven at once, and asks those of the stage that it leaves and of the one that it goes to. */
function autoRamp({ from, gates }: WrittenAuto, complain: Complain): Ramp {
  const fromPpm = from === undefined ? (AUTO_LADDER_PPM[0] as number) : percentToPpm(from);
  if (!isShare(fromPpm)) complain(['ramp', 'auto', 'from'], 'expected at least 0.0001% and at most 100%');
  const rungs = [fromPpm, ...AUTO_LADDER_PPM.filter((rung) => rung > fromPpm)];
  if (rungs.length === 1 && gates?.after !== undefined)
    complain(
      ['ramp', 'auto', 'gates', 'after'],
      'is asked before the next stage, and there is one alone: expected before',
    );
  return {
    kind: 'auto',
    stages: rungs.map((weightPpm, index) => ({
      weightPpm,
      atLeastMs: 0,
      atLeastUnits: 0,
      approval: 'none',
      ...gatesAt(gates, index === rungs.length - 1),
    })),
  };
}

/** Nothing follows the last stage that a gate behind it could keep from happening. */
function gatesAt(gates: WrittenAuto['gates'], isLast: boolean): Pick<RampStage, 'gates'> {
  const kept = isLast ? gates?.before && { before: gates.before } : gates;
  return kept === undefined ? {} : { gates: kept };
}
