/** Revisions that have no event of their own yet, by `experimentKey`: every scored picture asks for those of its service. */
export class UnbegunRevisions {
  private readonly serviceOf = new Map<string, string>();
  private readonly awake = new Map<string, Set<string>>();

  add(key: string, service: string): void {
    this.serviceOf.set(key, service);
    this.wake(key);
  }

  /** It has begun. */
  delete(key: string): void {
    if (!this.serviceOf.has(key)) return;
    this.lay(key);
    this.serviceOf.delete(key);
  }

  /** Those of a service whose evidence is in memory. */
  of(service: string): Iterable<string> {
    return this.awake.get(service) ?? [];
  }

  /** Its evidence has left memory. */
  lay(key: string): void {
    const service = this.serviceOf.get(key);
    const keys = service === undefined ? undefined : this.awake.get(service);
    keys?.delete(key);
    if (keys?.size === 0) this.awake.delete(service!);
  }

  /** It is back. */
  wake(key: string): void {
    const service = this.serviceOf.get(key);
    if (service === undefined) return;
    const keys = this.awake.get(service) ?? new Set();
    this.awake.set(service, keys.add(key));
  }
}
