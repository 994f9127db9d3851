/** Simulated GPUs: a job holds one for its time; jobs that find none wait in order. */
export class GpuPool {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(readonly size: number) {
    this.free = size;
  }

  /** Share of the GPUs that are busy now, 0–1. */
  get utilisation(): number {
    return (this.size - this.free) / this.size;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Resolves when a GPU is held; the caller must `release` it. */
  acquire(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
