import { h } from './dom.js';
import { openDialog } from './dialog.js';
import { ask, forgetToken, keepToken, problemOf, token } from './session.js';
import { goToIssuer } from './signed-in.js';

/** Who looks at the page, with the way in and out; nothing where nobody has to sign in (`AUTH=off`). */
export function showWho(place, me) {
  if (me !== null && me.name === null) return place.replaceChildren();
  if (token() !== null && me !== null)
    return place.replaceChildren(
      h('span', { class: 'name' }, me.name),
      h('button', { type: 'button', class: 'plain', onclick: signOut }, 'Sign out'),
    );
  place.replaceChildren(h('button', { type: 'button', class: 'plain', onclick: signIn }, 'Sign in'));
}

function signOut() {
  forgetToken();
  location.reload();
}

export async function signIn() {
  const field = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true, spellcheck: 'false' });
  openDialog({
    title: 'Sign in',
    says: [
      ...(await issuerWay()),
      h('label', { for: 'token' }, 'Your token'),
      field,
      h(
        'p',
        { class: 'small' },
        'Whoever runs Teststrip gives it to you. An installation without identities has made one: it is in the file operator-token in its data directory. It is kept in this tab until you close it or sign out.',
      ),
    ],
    action: 'Sign in',
    onConfirm: () => tryToken(field.value.trim()),
  });
}

/** The way to the issuer, where people sign in at one; otherwise nothing. */
async function issuerWay() {
  const answer = await fetch('/api/sign-in').catch(() => null);
  if (answer === null) return [];
  if (!answer.ok) return [h('p', { class: 'small' }, await problemOf(answer))];
  const { issuer, address } = await answer.json();
  if (address === null) return [];
  const problem = h('p', { class: 'problem-text', role: 'alert' });
  const go = async () => (problem.textContent = (await goToIssuer(address)) ?? '');
  return [
    h('button', { type: 'button', class: 'usual', onclick: go }, `Go to ${new URL(issuer).host}`),
    problem,
    h('p', { class: 'small' }, 'Or paste a token:'),
  ];
}

/** @returns what is wrong with it; null where it is somebody's */
async function tryToken(text) {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'a token has letters, digits and signs, and no blanks';
  const before = token();
  keepToken(text);
  const answer = await ask('/api/me').catch(() => null);
  if (answer?.ok) {
    location.reload();
    return null;
  }
  if (before === null) forgetToken();
  else keepToken(before);
  if (answer === null) return 'the server does not answer';
  return answer.status === 401 ? 'nobody has this token' : problemOf(answer);
}
