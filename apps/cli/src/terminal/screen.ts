import { safeLine } from '#libs/platform';

const NARROWEST = 40;
const WIDTH_WITHOUT_SIZE = 120;

/** Draws frames over each other on a terminal. Nothing is drawn where there is none: see {@link Screen.isTerminal}. */
export class Screen {
  private drawnLines = 0;

  constructor(private readonly out: NodeJS.WriteStream) {}

  get isTerminal(): boolean {
    return this.out.isTTY === true;
  }

  draw(lines: readonly string[]): void {
    // A terminal that does not know its size says 0.
    const width = Math.max(NARROWEST, (this.out.columns || WIDTH_WITHOUT_SIZE) - 1);
    const height = this.out.rows ? Math.max(1, this.out.rows - 1) : lines.length;
    const frame = lines.slice(0, height).map((line) => safeLine(line).slice(0, width));
    if (this.drawnLines > 0) this.out.write(`\u001B[${this.drawnLines}A`);
    this.out.write(`${frame.map((line) => `\u001B[2K${line}`).join('\n')}\n\u001B[0J`);
    this.drawnLines = frame.length;
  }
}
