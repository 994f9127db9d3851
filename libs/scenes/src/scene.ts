/** What the simulated image model can draw: a closed vocabulary, told apart well at 64 pixels. */
export const sizes = ['small', 'large'] as const;
export const colours = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'white', 'black'] as const;
export const shapes = ['circle', 'square', 'triangle', 'star', 'cross', 'ring'] as const;
export const places = ['left', 'right', 'top', 'bottom'] as const;
export const backgrounds = ['sand', 'slate', 'sky', 'rose'] as const;

export type Size = (typeof sizes)[number];
export type Colour = (typeof colours)[number];
export type Shape = (typeof shapes)[number];
export type Place = (typeof places)[number];
export type Background = (typeof backgrounds)[number];

export interface SceneObject {
  readonly size: Size;
  readonly colour: Colour;
  readonly shape: Shape;
  readonly place: Place;
}

/** One object alone, or two at opposite places, on a background. */
export interface Scene {
  readonly objects: readonly [SceneObject] | readonly [SceneObject, SceneObject];
  readonly background: Background;
}

const OPPOSITE: Readonly<Record<Place, Place>> = { left: 'right', right: 'left', top: 'bottom', bottom: 'top' };

export function oppositeOf(place: Place): Place {
  return OPPOSITE[place];
}
