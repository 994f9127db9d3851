const KEPT_AS = 'teststrip-token';
const ROLES = ['viewer', 'reviewer', 'reporter', 'operator', 'admin'];

/** The token that was pasted into this tab; null without one. It is kept until the tab is closed, and nowhere else. */
export function token() {
  return sessionStorage.getItem(KEPT_AS);
}

export function keepToken(text) {
  sessionStorage.setItem(KEPT_AS, text);
}

export function forgetToken() {
  sessionStorage.removeItem(KEPT_AS);
}

/** Asks the page's own server, with the token where there is one. */
export function ask(path, { headers = {}, ...options } = {}) {
  const given = token();
  return fetch(path, {
    ...options,
    headers: given === null ? headers : { ...headers, authorization: `Bearer ${given}` },
  });
}

/** What an answer complains of, for people. */
export async function problemOf(answer) {
  const problem = await answer.json().catch(() => null);
  return problem?.detail ?? `the server answered ${answer.status}`;
}

/** Who has the token, or may read without one: name and roles by service; null where nobody does. */
export async function whoAmI() {
  const answer = await ask('/api/me').catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** Whether somebody may do on a service what needs a role; without a service, whether there is one on which they may. */
export function mayDo(me, needed, service) {
  if (me === null) return false;
  const held = service === undefined ? Object.values(me.roles) : [me.roles['*'], me.roles[service]];
  return held.some((role) => ROLES.indexOf(role) >= ROLES.indexOf(needed));
}

/** Shows a picture of the server. A browser asks for pictures without the token, so with one they are fetched first. */
export async function showPicture(image, href) {
  if (token() === null) {
    image.src = href;
    return;
  }
  const answer = await ask(href).catch(() => null);
  if (!answer?.ok) return void image.dispatchEvent(new Event('error'));
  const address = URL.createObjectURL(await answer.blob());
  image.addEventListener('load', () => URL.revokeObjectURL(address), { once: true });
  image.src = address;
}
