import { h } from './dom.js';
import { keepToken, problemOf } from './session.js';

const KEPT_AS = 'teststrip-sign-in';
const BACK_AT = '/signed-in';

/**
 * Sends the browser to the issuer. What it comes back with is worth nothing without the secret that this tab keeps (PKCE).
 * @returns why it can't go there; nothing where it goes
 */
export async function goToIssuer(address) {
  if (crypto.subtle === undefined) return 'signing in at an issuer needs https, or localhost';
  const [verifier, state] = [randomText(), randomText()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  sessionStorage.setItem(KEPT_AS, JSON.stringify({ verifier, state, from: isBack() ? '/' : location.pathname }));
  const url = new URL(address);
  const asked = {
    redirect_uri: location.origin + BACK_AT,
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Whether the address is that at which a browser comes back. */
export function isBack() {
  return location.pathname === BACK_AT;
}

/** Takes what the issuer sent the browser back with, keeps the token, and goes on where the person was. */
export async function finishSignIn(place) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? 'null');
  sessionStorage.removeItem(KEPT_AS);
  const problem = await takeCode(kept, new URLSearchParams(location.search));
  if (problem === null) return location.replace(kept.from);
  place.replaceChildren(
    h('p', { class: 'problem-text', role: 'alert' }, `You are not signed in: ${problem}.`),
    h('p', {}, h('a', { href: kept?.from ?? '/' }, 'Back')),
  );
}

/** @returns what is wrong; null where the token is kept */
async function takeCode(kept, returned) {
  // Somebody else's link, or the same one again.
  if (kept === null || returned.get('state') !== kept.state) return 'this tab did not ask for it; sign in again';
  const code = returned.get('code');
  if (code === null) return `the issuer says ${returned.get('error') ?? 'nothing'}`;
  const answer = await fetch('/api/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, verifier: kept.verifier, redirectUri: location.origin + BACK_AT }),
  }).catch(() => null);
  if (answer === null) return 'the server does not answer';
  if (!answer.ok) return problemOf(answer);
  keepToken((await answer.json()).token);
  return null;
}

function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
