// One's own account, and who is signed in on this browser.

import { alone, at } from './api.js';
import { get, listing, outcome, perform, performOwn } from './action.js';
import { $, $$, CHOSEN, CODE, PASSWORD, button, confirmed, el, form } from './dom.js';
import { askOwn, change, claims, end, own } from './session.js';
import { fromBytes } from './tokens.js';

/** Does something with the mark that somebody stays signed in here. */
function mark(does) {
  try {
    return localStorage[does]('doorward.kept', '1');
  } catch {
    return null; // switched off
  }
}

/** "Firefox on Linux" */
function device({ user_agent: agent, current }) {
  const found = (...names) => names.find((name) => agent?.includes(name));
  const [browser, system] = [found('Edg', 'Firefox', 'Chrome', 'Safari'), found('Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux')];
  return el('span', browser && system ? `${browser} on ${system}` : agent ?? 'Unknown', current && el('span.badge', 'current'));
}

export function sessionsAt(path) {
  const list = listing(path, [['device', device], 'address', 'last_used', 'expires',
    ['action', ({ id, current }) => (current ? '' : list.act('End this one', `${path}/${id}`))]]);
  return list;
}
const sessions = sessionsAt('/me/sessions');

export const open = () => own.session && sessions.load();

async function remove() {
  const { username, sub } = claims();
  const sure = await confirmed(`Delete ${username}?`, 'The account and its sessions are gone at once, for good.', 'Delete for good');
  const ok = () => (end(), 'Your account is gone, with every session.');
  if (sure) performOwn($('[data-curl=delete]'), { method: 'DELETE', path: `/user/${encodeURIComponent(sub)}` }, { ok });
}

function renewal(name, proof, verb, act, request, sentence) {
  const box = outcome(name);
  $(`#${name}`).append(form(name, [proof, { ...CHOSEN, name: 'new_password' }], verb,
    (json, made) => act(box, { ...request, json }, { ok: () => (made.reset(), open(), sentence) })), box);
}

/** Where an app sent us from; only of this very host, as a link could name any. */
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
  $('#learn .intro p').replaceChildren(...(kept ? [] : ['to go on to ', el('strong', wanted.pathname)]));
}

/** After a login for this browser one goes back to the app. It is of this page's origin: no token is left to it. */
export function stay(name) {
  if (wanted) change({ session: null });
  mark('setItem');
  tell(name);
  if (wanted) location.assign(wanted);
}

/** Asks whose the cookie is, which no script can see; a 401 is a red line in the console. */
export async function askWhoIsKept() {
  const worthwhile = mark('getItem') || (alone && !wanted); // there an app may have logged in by itself
  const response = worthwhile ? await fetch(at('/verify'), { cache: 'no-store' }).catch(() => null) : null;
  await response?.text().catch(() => null); // unread, it would keep its connection
  if (response?.status === 401) mark('removeItem');
  // Header bytes reach us one by one; names are UTF-8.
  tell(fromBytes(response?.ok ? response.headers.get('Remote-User') : ''));
}

/** With somewhere to go on to, the page is a login alone. */
function becomeDoor() {
  document.body.classList.add('door');
  document.title = 'Log in';
  Object.assign($('#back'), { href: wanted, hidden: false, textContent: `Go on to ${wanted.pathname}` });
  $('#login-keep_signed_in-hint').textContent = 'On this browser, until you log out.';
}

export function start() {
  const box = outcome('leave');
  const leave = async () => {
    await perform(box, { method: 'POST', path: '/logout', csrf: true });
    askWhoIsKept();
    if (own.session) askOwn(get('/test')); // it may have been this one
  };
  $('#kept').append(button('Log out on this browser', leave), box);
  if (wanted) becomeDoor();
  $('#sessions').append(...sessions.parts, sessions.act('End all others', '/logout?scope=others', { method: 'POST' }));
  renewal('password', { ...PASSWORD, name: 'current_password' }, 'Change the password',
    performOwn, { method: 'PUT', path: '/me/password' }, 'Your password is new; all other sessions have ended.');
  renewal('reset', CODE, 'Set the new password',
    perform, { method: 'POST', path: '/reset' }, 'Your password is new: log in with it.');
  $('#delete').append(button('Delete my account', remove, 'danger'));
  $('#delete').after(outcome('delete'));
}
