/** An element with attributes and children; text is always set as text, so nothing a prompt contains can become markup. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/** Calls `render` only when `data` differs from what `place` shows, so that focus and open details survive. */
export function renderWhenChanged(place, data, render) {
  const shown = JSON.stringify(data);
  if (place.shown === shown) return;
  place.shown = shown;
  place.replaceChildren(...[render(data)].flat());
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
