/** A drawing under construction: SVG elements as text, on a white ground that reads in dark themes as well. */
export class Drawing {
  private readonly elements: string[] = [];

  constructor(
    readonly width: number,
    readonly height: number,
    readonly title: string,
  ) {}

  line([x1, y1]: Point, [x2, y2]: Point, colour: string, options: { width?: number; dash?: string } = {}): void {
    const dash = options.dash ? ` stroke-dasharray="${options.dash}"` : '';
    this.elements.push(
      `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${colour}" stroke-width="${options.width ?? 1}"${dash}/>`,
    );
  }

  text(x: number, y: number, text: string, options: TextOptions = {}): void {
    const { anchor = 'start', size = 12, colour = '#24292f', isBold = false } = options;
    const weight = isBold ? ' font-weight="600"' : '';
    this.elements.push(
      `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}"${weight}>${escaped(text)}</text>`,
    );
  }

  rect([x, y]: Point, width: number, height: number, colour: string): void {
    this.elements.push(
      `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" fill="${colour}"/>`,
    );
  }

  marker(x: number, y: number, { shape, colour, size = 4, opacity = 1 }: MarkerStyle): void {
    const alpha = opacity === 1 ? '' : ` opacity="${opacity}"`;
    const d = size;
    switch (shape) {
      case 'dot':
        this.elements.push(`<circle cx="${at(x)}" cy="${at(y)}" r="${d}" fill="${colour}"${alpha}/>`);
        return;
      case 'ring':
        this.elements.push(
          `<circle cx="${at(x)}" cy="${at(y)}" r="${d}" fill="#fff" stroke="${colour}" stroke-width="1.5"${alpha}/>`,
        );
        return;
      case 'square':
        this.elements.push(
          `<rect x="${at(x - d)}" y="${at(y - d)}" width="${2 * d}" height="${2 * d}" fill="${colour}"${alpha}/>`,
        );
        return;
      case 'diamond':
        this.elements.push(
          `<path d="M${at(x)} ${at(y - d - 1)}L${at(x + d + 1)} ${at(y)}L${at(x)} ${at(y + d + 1)}L${at(x - d - 1)} ${at(y)}Z" fill="${colour}"${alpha}/>`,
        );
        return;
      case 'triangle':
        this.elements.push(
          `<path d="M${at(x)} ${at(y - d)}L${at(x + d)} ${at(y + d)}L${at(x - d)} ${at(y + d)}Z" fill="${colour}"${alpha}/>`,
        );
        return;
      case 'cross':
        this.elements.push(
          `<path d="M${at(x - d)} ${at(y - d)}L${at(x + d)} ${at(y + d)}M${at(x - d)} ${at(y + d)}L${at(x + d)} ${at(y - d)}" stroke="${colour}" stroke-width="2"${alpha}/>`,
        );
        return;
      default:
        shape satisfies never;
    }
  }

  toString(): string {
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${this.width} ${this.height}" width="${this.width}" height="${this.height}" font-family="system-ui, sans-serif" role="img">`,
      `<title>${escaped(this.title)}</title>`,
      `<rect width="100%" height="100%" fill="#fff"/>`,
      ...this.elements,
      '</svg>',
      '',
    ].join('\n');
  }
}

export type Point = readonly [x: number, y: number];

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly colour?: string;
  readonly isBold?: boolean;
}

export interface MarkerStyle {
  readonly shape: 'dot' | 'ring' | 'square' | 'diamond' | 'triangle' | 'cross';
  readonly colour: string;
  readonly size?: number;
  readonly opacity?: number;
}

function at(coordinate: number): string {
  return String(Math.round(10 * coordinate) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
