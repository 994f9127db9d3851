import { UNDER_WAY_S, type Assignment, type UnderWay } from '#libs/contracts';

type Drawn = Pick<Assignment, 'experiment' | 'revision' | 'variant'>;

interface OfVariant extends Drawn {
  /** When each began; an object each, since several begin at one time. */
  readonly began: Set<{ readonly atMs: number }>;
}

/**
 * Requests that were drawn for a variant and have no end yet. What takes long is told last: by what has ended alone, a candidate that hangs on a tenth of its requests is
 * as good as any until the first of them times out.
 */
export class OpenRequests {
  private readonly variants = new Map<string, OfVariant>();

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** @returns to be called when it has ended; calling it again does nothing */
  begin({ experiment, revision, variant, reason }: Assignment): () => void {
    if (reason !== 'SPLIT') return nothing;
    const key = `${experiment}/${revision}/${variant}`;
    let of = this.variants.get(key);
    if (of === undefined) {
      of = { experiment, revision, variant, began: new Set() };
      this.variants.set(key, of);
    }
    const { began } = of;
    const request = { atMs: this.nowMs() };
    began.add(request);
    return () => void began.delete(request);
  }

  /** Of each variant that has some for longer than a second; those that have none are forgotten. */
  underWay(): UnderWay[] {
    const nowMs = this.nowMs();
    return [...this.variants].flatMap(([key, { began, ...drawn }]) => {
      if (began.size === 0) this.variants.delete(key);
      const longerThan = UNDER_WAY_S.map(() => 0);
      for (const { atMs } of began)
        for (const [index, seconds] of UNDER_WAY_S.entries())
          if (nowMs - atMs > 1_000 * seconds) longerThan[index] = (longerThan[index] as number) + 1;
      return longerThan[0] === 0 ? [] : [{ ...drawn, longerThan }];
    });
  }
}

function nothing(): void {
  // Not drawn by chance: nobody compares it.
}
