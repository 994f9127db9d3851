import { describe, expect, it } from 'vitest';
import { analyse, evidenceDesign, foldEvent, initialEvidence, memoryKey, mergeEvidence } from '#libs/evidence';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { type CountedEvidence, MergedTotal } from './merged-total.js';

const PARTS = 5;
const design = evidenceDesign(definition(), PARTS);

/** Parts of one experiment that are folded on. */
function someParts(): { readonly parts: CountedEvidence[]; readonly foldOn: (requests: number) => void } {
  const parts = Array.from({ length: PARTS }, () => ({ evidence: initialEvidence(design), changes: 0 }));
  const traffic = new SimulatedTraffic(3);
  traffic.candidateShare = 0.3;
  const foldOn = (requests: number): void => {
    for (let k = 0; k < requests; k++) {
      for (const event of traffic.next()) {
        const part = parts[memoryKey(event.subject) % PARTS]!;
        foldEvent(part.evidence, design, event);
        part.changes += 1;
      }
    }
  };
  return { parts, foldOn };
}

describe('the total of all parts', () => {
  it('is the same to the last bit whether parts were summed before or not', () => {
    const { parts, foldOn } = someParts();
    const total = new MergedTotal();
    for (const requests of [800, 1, 0, 1, 2, 300]) {
      foldOn(requests);
      expect(analyse(total.of(parts), design, 0)).toEqual(analyse(new MergedTotal().of(parts), design, 0));
    }
  });

  it('says of every request what the parts say, one after the other', () => {
    const { parts, foldOn } = someParts();
    foldOn(700);
    const { requests, units } = analyse(new MergedTotal().of(parts), design, 0);
    const inOrder = analyse(parts.map(({ evidence }) => evidence).reduce(mergeEvidence), design, 0);
    expect({ requests, units }).toEqual({ requests: inOrder.requests, units: inOrder.units });
  });

  it('is made anew where a part was replaced, as by another policy, or has come', () => {
    const { parts, foldOn } = someParts();
    const total = new MergedTotal();
    foldOn(50);
    total.of(parts);
    const replaced = parts.map((part, k) => (k === 2 ? { evidence: initialEvidence(design), changes: 0 } : part));
    expect(total.of(replaced)).toEqual(new MergedTotal().of(replaced));
    expect(total.of(parts.slice(0, 3))).toEqual(new MergedTotal().of(parts.slice(0, 3)));
  });

  it('keeps the sum of what has not changed', () => {
    const { parts } = someParts();
    const total = new MergedTotal();
    const first = total.of(parts);
    expect(total.of(parts)).toBe(first);
    (parts[4] as { changes: number }).changes += 1;
    expect(total.of(parts)).not.toBe(first);
  });
});
