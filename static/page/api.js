// Asking the server, and what its answers mean. An exchange is a request with its answer.

import { now, setClock } from './time.js';

const GIVE_UP_MS = 20_000;
const BASE = new URL('.', location.href).pathname.slice(0, -1); // a proxy may show the server under a path
const watchers = [];

/** Whether other programs' scripts may be of this page's origin: a proxy shows it under a path, or an app has sent somebody here. */
export const alone = Boolean(BASE) || new URLSearchParams(location.search).has('return');

/** Where a path of the server is, seen from here. */
export const at = (path) => BASE + path;

/** Has each exchange told to `see`. */
export const watch = (see) => watchers.push(see);

export const headersOf = ({ json, bearer, csrf }) => ({
  ...(json && { 'Content-Type': 'application/json' }),
  ...(bearer && { Authorization: `Bearer ${bearer}` }),
  ...(csrf && { 'X-CSRF-Token': '1' }), // only a page of this very host can send it
});

export const removal = (path) => ({ method: 'DELETE', path });

export const bodyOf = ({ json }) => json && JSON.stringify(json);

/** Sends `{ method, path, json?, bearer?, csrf? }`. An answer that did not come has no `status`. */
export async function ask(request) {
  const { method, path } = request;
  const exchange = { request, at: new Date(), headers: [] };
  try {
    const response = await fetch(at(path), { method, headers: headersOf(request), body: bodyOf(request),
      cache: 'no-store', signal: AbortSignal.timeout(GIVE_UP_MS) });
    Object.assign(exchange, { text: await response.text(), status: response.status, headers: [...response.headers] });
    try {
      exchange.body = JSON.parse(exchange.text);
    } catch { /* not Doorward's: shown as it is */ }
    exchange.ok = response.ok && exchange.body != null;
    exchange.line = `${response.status} ${response.statusText || exchange.body?.status || ''}`;
    setClock(response.headers.get('Date'));
    const wait = Number(response.headers.get('Retry-After'));
    if (wait > 0) exchange.again = now() + wait;
  } catch {
    exchange.line = 'No answer';
  }
  exchange.ms = Date.now() - exchange.at;
  for (const see of watchers) see(exchange);
  return exchange;
}

const WORDS = {
  authorization_required: 'This route wants a token, and none was sent. Log in first.',
  fresh_token_required: 'This needs a token straight from a login. Log in again.',
  invalid_credentials: 'The name or the password is wrong; which one, is not said.',
  invalid_token: 'This token was changed, or made by another server or for another purpose.',
  token_expired: 'This token’s time is over. Refresh it, or log in again.',
  token_revoked: 'This token was taken back. Log in again.',
  token_reused: 'This refresh token had been used before, which looks like theft: the session has ended. Log in again.',
  validation_failed: 'What you entered was not accepted: see the fields above.',
};

/** What a refusal means, in a sentence. */
export function explain({ status, body }) {
  if (!status) return `${navigator.onLine ? `The server at ${location.origin} does not answer` : 'This device is offline'}. Try again later.`;
  if (status === 429) return 'Too many attempts, so the server makes you wait.';
  if (status === 503) return `The server has more to do than it can. ${body?.message ?? ''}`;
  if (status >= 500) return 'Something went wrong in the server. Its log has the X-Request-Id.';
  if (!body) return 'This answer is not Doorward’s. Is a proxy at this address?';
  return WORDS[body.error] ?? body.message ?? '';
}
