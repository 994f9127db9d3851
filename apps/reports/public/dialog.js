import { h } from './dom.js';

/**
 * Asks before something is done. `onConfirm` does it and says what went wrong, or null; while it is under way nothing can be pressed twice.
 */
export function openDialog({ title, says, action, tone = 'usual', onConfirm }) {
  const problem = h('p', { class: 'problem-text', role: 'alert' });
  const confirm = h('button', { type: 'submit', class: tone }, action);
  const body = h('div', { class: 'says' }, says);
  const close = () => dialog.close();
  const form = h(
    'form',
    { onsubmit: submit },
    h('h2', { id: 'dialog-title' }, title),
    body,
    problem,
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'plain', onclick: close }, 'Cancel'), confirm),
  );
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;

  async function submit(event) {
    event.preventDefault();
    confirm.disabled = true;
    problem.textContent = '';
    const wrong = await onConfirm({ body });
    confirm.disabled = false;
    if (wrong === null) close();
    else problem.textContent = wrong;
  }
}
