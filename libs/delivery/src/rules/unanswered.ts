import { candidatesOf, UNDER_WAY_S, type ExperimentSpec } from '#libs/contracts';

/** By variant: how many of its requests have had no end for longer than each of `UNDER_WAY_S`. */
export type OpenOfVariants = Readonly<Record<string, readonly number[]>>;

/** What keeps a share from rising: requests of a candidate that have had no answer for long, and control's have. */
export interface Unanswered {
  readonly candidate: string;
  /** So many, for longer than so many seconds. */
  readonly requests: number;
  readonly seconds: number;
  /** What they would be if control's are a measure: its own, by the shares. */
  readonly expected: number;
}

/** A part of its requests that may turn out as it will: a fifth of the usual margin of errors. */
const MAY_BE_UNKNOWN = 0.001;
/** A candidate that is slower within its margin has more requests of an age than control; one that hangs has them where control has none. */
const USUAL_TIMES = 2;

/** What is known of the traffic. */
interface Served {
  readonly spec: ExperimentSpec;
  readonly weightsPpm: Readonly<Record<string, number>>;
  /** Of each variant whose ends are known. */
  readonly requests: Readonly<Record<string, number>>;
}

/**
 * Whether the ends that are known speak for a candidate's requests. Whatever is slow is told last, and what hangs when it times out: until then a candidate that hangs on a tenth of
 * its requests is proven by the other nine, in seconds where traffic is heavy. Control's open requests, scaled by the shares, say how many of an age there have to
 * be. Those beyond twice as many (less one standard error) might all fail, or be as slow as can be: more of them than one in a thousand of the candidate's requests, and its share does not rise.
 * @returns the worst; null where they speak for all
 */
export function unansweredOf(
  { spec, weightsPpm, requests }: Served,
  underWay: OpenOfVariants | undefined,
): Unanswered | null {
  if (underWay === undefined) return null;
  const ofControl = underWay[spec.control] ?? [];
  let worst: (Unanswered & { readonly beyond: number }) | null = null;
  for (const candidate of candidatesOf(spec)) {
    const [share, controlShare] = [weightsPpm[candidate] ?? 0, weightsPpm[spec.control] ?? 0];
    const times = controlShare === 0 ? 0 : share / controlShare;
    for (const [index, open] of (underWay[candidate] ?? []).entries()) {
      const control = ofControl[index] ?? 0;
      const expected = control * times;
      const error = Math.sqrt(open + USUAL_TIMES ** 2 * times * expected);
      const beyond = open - USUAL_TIMES * expected - error;
      if (beyond <= MAY_BE_UNKNOWN * (requests[candidate] ?? 0) || beyond <= (worst?.beyond ?? 0)) continue;
      worst = { candidate, requests: open, seconds: UNDER_WAY_S[index] as number, expected, beyond };
    }
  }
  if (worst === null) return null;
  const { beyond: _beyond, ...told } = worst;
  return told;
}
