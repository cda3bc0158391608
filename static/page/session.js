// The session of this tab, in sessionStorage: a reload keeps it, closing the tab ends it. A duplicated tab has the same one, and a
// refresh token is good once: so one tab at a time refreshes, and tells the others. Where scripts of an app could read and listen
// (`alone`), it is in memory only, and no other tab has it.

import { alone, ask, watch } from './api.js';
import { isOver } from './time.js';
import { decode } from './tokens.js';

const STORED = 'doorward.session';
const ANSWER_MS = 100; // for another tab to say that it is further on
const SOON = 20; // seconds in which an access token is as good as over

/** `session`: its tokens; `done`: the steps behind us; in memory only: `old`, the session that just ended, `kept`, who has the cookie. */
export const own = { session: null, done: [], old: null, kept: '' };
const tabs = alone ? null : new BroadcastChannel(STORED);
let changed;

const payload = (token) => decode(token)?.payload ?? {};
export const claims = () => payload(own.session?.access);
const count = (session) => payload(session.refresh).ctr ?? 0;
const tell = (message) => tabs?.postMessage({ sid: claims().sid, ...message });

/** Takes up the session that this tab had. `onchange` is called whenever that changes. */
export function restore(onchange) {
  changed = onchange;
  if (tabs) {
    try {
      Object.assign(own, JSON.parse(sessionStorage.getItem(STORED)));
    } catch { /* switched off, or of another kind: start afresh */ }
    tabs.onmessage = hear;
  }
  change({});
  if (own.session) tell({ have: count(own.session) });
}

/** Another tab has a newer pair, asks for one, or has ended the session. */
function hear({ data: { sid, session, have, ended } }) {
  if (!own.session || sid !== claims().sid) return;
  const mine = count(own.session);
  if (ended) forget([]);
  else if (session && count(session) > mine) change({ session });
  else if (have < mine) tell({ session: own.session });
}

export function change(what) {
  const { session, done } = Object.assign(own, what);
  try {
    if (session && tabs) sessionStorage.setItem(STORED, JSON.stringify({ session, done }));
    else sessionStorage.removeItem(STORED);
  } catch { /* the session then lasts until a reload */ }
  changed();
}

export const keep = ({ access_token: access, refresh_token: refresh }, done = own.done) => change({ session: { access, refresh }, old: null, done });
export const finish = (...steps) => change({ done: [...own.done, ...steps] });

const forget = (done) => change({ session: null, old: own.session, done });

/** Forgets the session, in all tabs that have it. */
export function end(...done) {
  tell({ ended: true });
  forget(done);
}

/** Whether a token is of this session, or none. */
export const isOurs = (token) => !token || payload(token).sid === claims().sid;

// It may have been ended elsewhere.
watch(({ request, body }) => { if (body?.error === 'token_revoked' && request.bearer === own.session?.access) end(); });

/** Trades the refresh token for a new pair, once among all tabs: resolves to null if another was first. */
export async function rotate() {
  const spent = own.session?.refresh;
  const trade = async () => {
    if (spent) {
      tell({ have: count(own.session) });
      await new Promise((heard) => { setTimeout(heard, ANSWER_MS); });
    }
    if (own.session?.refresh !== spent) return null;
    const exchange = await ask({ method: 'POST', path: '/refresh', bearer: spent });
    if (!own.session) return null;
    if (exchange.ok) {
      keep(exchange.body);
      tell({ session: own.session });
    } else if (exchange.status === 401) end(); // it never becomes good again
    return exchange;
  };
  // Web Locks are on https and localhost only; elsewhere the server's grace for the token before has to do.
  return navigator.locks ? navigator.locks.request(`${STORED} ${claims().sid}`, trade) : trade();
}

/** Asks with our access token, refreshed before if it has run out. */
export async function askOwn(request) {
  if (isOver(claims().exp - SOON)) await rotate();
  return ask({ ...request, bearer: own.session?.access });
}
