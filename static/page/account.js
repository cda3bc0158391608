// One's own account, and who is signed in on this browser.

import { alone, at, removal } from './api.js';
import { listing, outcome, perform, performOwn } from './action.js';
import { $, $$, CHOSEN, CODE, PASSWORD, button, confirmed, el, form } from './dom.js';
import { askOwn, change, claims, end, own } from './session.js';
import { fromBytes } from './tokens.js';

/** Sets, reads or removes the mark that somebody stays signed in on this browser, so that it is worth asking who. */
function mark(does) {
  try {
    return localStorage[does]('doorward.kept', '1');
  } catch {
    return null; // switched off
  }
}

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
    const url = new URL(new URLSearchParams(location.search).get('return') ?? 'none:', location.origin);
    return url.href.startsWith(`${location.origin}/`) ? url : null;
  } catch {
    return null;
  }
}
export const wanted = wantedPage();

/** Tells who has the cookie; '': nobody. */
function tell(kept) {
  change({ kept });
  $('#kept').hidden = !kept;
  $$('#kept strong').forEach((name) => { name.textContent = kept; });
  $('#login-username').defaultValue = kept;
  document.body.classList.toggle('kept', kept);
  if (!wanted) return;
  $('#learn h1').textContent = kept ? 'Signed in' : 'Log in';
  $('#learn .intro p').replaceChildren(...(kept ? [] : ['to go on to ', el('strong', {}, wanted.pathname)]));
}

/** After a login for this browser one goes back to where one came from. The app there is of this page's origin: no token is left to it. */
export function stay(name) {
  if (wanted) change({ session: null });
  mark('setItem');
  tell(name);
  if (wanted) location.assign(wanted);
}

/** Asks whose the cookie is, which no script can see; 401 is an answer like any other, but a red line in the console. */
export async function askWhoIsKept() {
  const worthwhile = mark('getItem') || (alone && !wanted); // there an app may have logged in by itself
  const response = worthwhile ? await fetch(at('/verify'), { cache: 'no-store' }).catch(() => null) : null;
  await response?.text().catch(() => null); // unread, it would keep its connection
  if (response?.status === 401) mark('removeItem');
  // Header bytes reach us one by one; names are UTF-8.
  tell(fromBytes(response?.ok ? response.headers.get('Remote-User') : ''));
}

/** With somewhere to go on to the page is a login, and nothing else. */
function becomeDoor() {
  document.body.classList.add('door');
  document.title = 'Log in';
  $('#back').href = wanted;
  $('#back').hidden = false;
  $('#back').append(` to ${wanted.pathname}`);
  $('#login-keep_signed_in-hint').textContent = 'You stay signed in on this browser until you log out.';
}

export function start() {
  const box = outcome('leave');
  const leave = async () => {
    await perform(box, { method: 'POST', path: '/logout', csrf: true });
    askWhoIsKept();
    if (own.session) askOwn({ method: 'GET', path: '/test' }); // it may have been the one that ended
  };
  $('#kept').append(button('Log out on this browser', leave), box);
  if (wanted) becomeDoor();
  $('#sessions').append(...sessions.parts, sessions.act('End all others', { method: 'POST', path: '/logout?scope=others' }));
  renewal('password', { ...PASSWORD, name: 'current_password', label: 'Current password' }, 'Change the password',
    performOwn, { method: 'PUT', path: '/me/password' }, 'Your password is new, and all other sessions have ended.');
  renewal('reset', CODE, 'Set the new password',
    perform, { method: 'POST', path: '/reset' }, 'Your password is new. Now log in with it.');
  $('#delete').append(button('Delete my account', remove, 'danger'));
  $('#delete').after(outcome('delete'));
}
