// One's own account, and who is signed in on this browser.

import { at, removal } from './api.js';
import { listing, outcome, perform, performOwn } from './action.js';
import { $, CHOSEN, PASSWORD, button, confirmed, el, form } from './dom.js';
import { askOwn, claims, end, own } from './session.js';
import { fromBytes } from './tokens.js';

/** "Firefox on Linux" out of a browser's long name for itself. */
function device({ user_agent: agent, current }) {
  const found = (...names) => names.find((name) => agent?.includes(name));
  const [browser, system] = [found('Edg', 'Firefox', 'Chrome', 'Safari'), found('Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux')];
  return el('span', {}, browser && system ? `${browser} on ${system}` : agent ?? 'Unknown', current ? el('span', { className: 'badge' }, 'current') : null);
}

/** What is told of a session, to its user and to administrators. */
export const SESSION = [['device', device], 'address', 'last_used', 'expires'];

const sessions = listing({
  caption: 'Your sessions', key: 'sessions', request: () => ({ method: 'GET', path: '/me/sessions' }),
  columns: [...SESSION, ['action', ({ id, current }) => (current ? '' : sessions.act('End this one', removal(`/me/sessions/${id}`)))]],
});

export const open = () => own.session && sessions.load();

async function remove() {
  const { username, sub } = claims();
  const sure = await confirmed(`Delete ${username}?`, 'The account and all of its sessions are gone at once, for good.', 'Delete for good');
  const ok = () => (end(), 'Your account is gone, and every session with it.');
  if (sure) performOwn($('[data-curl=delete]'), removal(`/user/${encodeURIComponent(sub)}`), { ok });
}

/** A form for a new password, and what proves that one may. */
function renewal(name, other, verb, act, request, sentence) {
  const box = outcome(name);
  const made = form(name, [other, { ...CHOSEN, name: 'new_password', label: 'New password' }],
    verb, (json) => act(box, { ...request, json }, { ok: () => (made.reset(), open(), sentence), form: made }));
  $(`#${name}`).append(made, box);
}

/** Where an app sent us from, if it is on this very host; a link could name any other. */
function wantedPage() {
  try {
    const { href } = new URL(new URLSearchParams(location.search).get('return') ?? 'none:', location.origin);
    return href.startsWith(`${location.origin}/`) ? href : null;
  } catch {
    return null;
  }
}
export const wanted = wantedPage();

function render(name) {
  $('#kept').hidden = !name;
  $('#kept strong').textContent = name;
  $('#back').hidden = !wanted;
  if (wanted) $('#back').href = wanted;
}

/** After a login for this browser one goes back to where one came from. */
export function stay(name) {
  render(name);
  if (wanted) location.assign(wanted);
}

/** No script can read the cookie, so the server is asked whose it is; 401 is an answer like any other. */
export async function askWhoIsKept() {
  const response = await fetch(at('/verify'), { cache: 'no-store' }).catch(() => null);
  await response?.text().catch(() => null); // unread, it would keep its connection
  const name = response?.ok ? response.headers.get('Remote-User') : '';
  // Header bytes reach us one by one; names are UTF-8.
  render(fromBytes(name));
}

export function start() {
  const box = outcome('leave');
  const leave = async () => {
    await perform(box, { method: 'POST', path: '/logout', csrf: true });
    askWhoIsKept();
    if (own.session) askOwn({ method: 'GET', path: '/test' }); // it may have been the one that ended
  };
  $('#kept').append(button('Log out on this browser', leave), box);
  askWhoIsKept();
  $('#sessions').append(...sessions.parts, sessions.act('End all others', { method: 'POST', path: '/logout?scope=others' }));
  renewal('password', { ...PASSWORD, name: 'current_password', label: 'Current password' }, 'Change the password',
    performOwn, { method: 'PUT', path: '/me/password' }, 'Your password is new, and all other sessions have ended.');
  renewal('reset', { name: 'code', label: 'Code', autocomplete: 'off', hint: 'From an administrator, good once' }, 'Set the new password',
    perform, { method: 'POST', path: '/reset' }, 'Your password is new. Now log in with it (step 2).');
  $('#delete').append(button('Delete my account', remove, 'danger'));
  $('#delete').after(outcome('delete'));
}
