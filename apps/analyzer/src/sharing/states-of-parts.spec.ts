import { describe, expect, it } from 'vitest';
import {
  analyse,
  encodeEvidence,
  evidenceDesign,
  foldEvent,
  initialEvidence,
  mergeableEvidence,
  type Evidence,
} from '#libs/evidence';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { MergedTotal } from '../merged-total.js';
import { type PartState, StatesOfParts } from './states-of-parts.js';

const design = evidenceDesign(definition(), 1);
const TOPICS = ['generation.completed.v1', 'image.scored.v1', 'request.routed.v1'] as const;
const KEY = 'exp@1';
const SECOND_MS = 1_000;

describe('the states of parts', () => {
  it('add up to what one process says, whatever order and however often they come, and though one of them is replaced', () => {
    const { parts, foldOn } = someParts();
    const states = new StatesOfParts();
    const total = new MergedTotal();
    let position = 0;
    for (const requests of [300, 1, 50]) {
      foldOn(requests);
      position += requests;
      for (const place of [2, 0, 1, 0]) states.put(KEY, stateOf(TOPICS[place]!, parts[place]!, { position }));
      const sum = total.of(states.evidenceOf(KEY, design));
      const counted = parts.map((evidence) => ({ evidence, changes: 0 }));
      expect(analyse(sum, design, 0)).toEqual(analyse(new MergedTotal().of(counted), design, 0));
      states.put(KEY, stateOf(TOPICS[0], parts[0]!, { generation: 1, position: 0 }));
    }
  });

  it('are those of the latest generation, then of the furthest position', () => {
    const states = new StatesOfParts();
    const at = (generation: number, position: number) => ({ place: TOPICS[0], generation, position });
    states.put(KEY, stateOf(TOPICS[0], initialEvidence(design), { generation: 3, position: 50 }));
    expect(states.isNews(KEY, at(2, 90))).toBe(false);
    expect(states.isNews(KEY, at(3, 49))).toBe(false);
    expect(states.isNews(KEY, at(3, 50))).toBe(true);
    // Whoever takes a part over may have to fold again what its last owner did not save.
    expect(states.isNews(KEY, at(4, 10))).toBe(true);
    expect(states.isNews('other@1', at(1, 0))).toBe(true);
  });

  it('miss scores of requests up to the slowest part only', () => {
    const { parts, foldOn } = someParts();
    foldOn(40 * 100);
    const behind = someParts();
    behind.foldOn(20 * 100);
    const states = new StatesOfParts();
    for (const index of [0, 1, 2])
      states.put(KEY, stateOf(TOPICS[index]!, index === 1 ? behind.parts[1]! : parts[index]!, {}));
    const scored = () => {
      const { coverage } = analyse(new MergedTotal().of(states.evidenceOf(KEY, design)), design, 0).health;
      return coverage.byVariant['control'];
    };
    const newestMs = parts[2]!.newestAtMs['request.routed.v1']!;
    const uncut = scored();
    expect(uncut).toBeLessThan(0.9);
    states.foldedUntilMs = newestMs - SECOND_MS;
    expect(scored()).toBe(uncut);
    states.foldedUntilMs = newestMs - 20 * SECOND_MS;
    expect(scored()).toBe(1);
  });
});

/** One part per topic, of traffic of 100 requests a second. */
function someParts(): { readonly parts: readonly Evidence[]; readonly foldOn: (requests: number) => void } {
  const parts = TOPICS.map((topic) => initialEvidence(design, topic));
  const traffic = new SimulatedTraffic(3);
  traffic.candidateShare = 0.5;
  const foldOn = (requests: number): void => {
    for (let k = 0; k < requests; k++)
      for (const event of traffic.next()) {
        const index = TOPICS.findIndex((topic) => topic === event.type);
        if (index >= 0) foldEvent(parts[index]!, design, event);
      }
  };
  return { parts, foldOn };
}

function stateOf(
  place: string,
  evidence: Evidence,
  { generation = 1, position = 1 }: Partial<Pick<PartState, 'generation' | 'position'>>,
): PartState {
  const sent = mergeableEvidence(encodeEvidence(evidence), evidence.units.refused);
  return { place, generation, position, sent: JSON.parse(JSON.stringify(sent)) as typeof sent };
}
