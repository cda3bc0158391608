// The page: five steps of a login with tokens. One table, `actions`, says what each button asks for and what a
// good answer means; everything else shows requests, answers and tokens.
//
// What comes from a server or a person reaches the document as text only, never as markup.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const STEPS = ['register', 'login', 'call', 'refresh', 'logout'];
const GIVE_UP_MS = 20_000;
const BASE = new URL('.', location.href).pathname.slice(0, -1); // a proxy may show the server under a path

/** Where a path of the server is, seen from here. */
const at = (path) => BASE + path;

/** An element with properties and children; strings become text nodes. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// --- The session ---------------------------------------------------------------------------------------------
// In sessionStorage: a reload keeps it, another tab does not see it, closing the tab ends it.

const STORED = 'doorward.session';
let session = null; // { access, refresh }
let done = []; // the steps behind us
let old = null; // the session that just ended; in memory only, to show that the server refuses it
let clockOffset = 0; // the server's clock minus ours, in ms: the countdown is about the server's clock

function restore() {
  try {
    ({ session, done } = JSON.parse(sessionStorage.getItem(STORED)) ?? { session, done });
  } catch { /* storage is switched off, or holds something else: start afresh */ }
}

function save() {
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ session, done }));
  } catch { /* the session then lasts until a reload */ }
}

function keep(tokens) {
  session = { access: tokens.access_token, refresh: tokens.refresh_token };
  old = null;
  save();
}

function forget(...stepsDone) {
  old = session;
  session = null;
  done = stepsDone;
  try {
    sessionStorage.removeItem(STORED);
  } catch { /* nothing was stored */ }
}

function finish(...steps) {
  done = [...new Set([...done, ...steps])];
  if (session) save();
}

// --- Tokens --------------------------------------------------------------------------------------------------

const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/** Header and payload of a JWT, read without checking: only the server can say whether it is good. */
function decode(token) {
  try {
    const [header, payload] = token.split('.').slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(bytes(part))));
    return { header, payload };
  } catch {
    return null;
  }
}

const claims = () => (session && decode(session.access)?.payload) || {};
const ownPath = () => `/user/${session ? encodeURIComponent(claims().sub) : '<id>'}`;
const accessIsOver = () => secondsUntil(claims().exp) <= 0;

const MEANING = {
  typ: 'What kind of token this is',
  kid: 'Which key signed it',
  iss: 'Issuer: who made it',
  sub: 'Subject: the id of the user it speaks for',
  aud: 'Audience: who may accept it',
  iat: 'Issued at',
  nbf: 'Not valid before',
  exp: 'Expires',
  jti: 'The number of this one token, for taking it back',
  type: 'access: opens routes; refresh: only fetches new tokens',
  fresh: 'true straight after a login, false after a refresh',
  sid: 'The session it belongs to: one login, however often refreshed',
  ctr: 'How often this session was refreshed; an old number gives away a copied token',
  username: 'The name of the user',
  roles: 'What the user may do, for other programs to read',
};
const algorithm = (name) => (String(name).startsWith('HS')
  ? 'Signed with a secret; only who holds it can check'
  : 'Signed with a private key; anyone can check it with the public one');
const MOMENTS = ['iat', 'nbf', 'exp'];

/** Checks the access token against a published key, here in the browser. */
async function signatureIsGood(token, jwk) {
  const [name, options] = {
    ES256: ['ECDSA', { namedCurve: 'P-256', hash: 'SHA-256' }],
    EdDSA: ['Ed25519', {}],
    RS256: ['RSASSA-PKCS1-v1_5', { hash: 'SHA-256' }],
  }[jwk.alg];
  const key = await crypto.subtle.importKey('jwk', jwk, { name, ...options }, false, ['verify']);
  const [signed, signature] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)];
  return crypto.subtle.verify({ name, ...options }, key, bytes(signature), new TextEncoder().encode(signed));
}

// --- Asking the server ---------------------------------------------------------------------------------------

const SHOWN_HEADERS = ['Location', 'WWW-Authenticate', 'Allow', 'Retry-After', 'Cache-Control', 'Content-Type', 'X-Request-Id'];

/** One request. Never throws: an answer that did not come has no `status`. */
async function ask({ method, path, json, bearer, csrf }) {
  const started = performance.now();
  const answer = { method, path, at: new Date() };
  const headers = {};
  if (json) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (csrf) headers['X-CSRF-Token'] = '1'; // only a page of this very host can send it
  try {
    const response = await fetch(at(path), {
      method, headers, body: json && JSON.stringify(json), cache: 'no-store', signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    answer.text = await response.text();
    answer.status = response.status;
    answer.headers = SHOWN_HEADERS.filter((name) => response.headers.has(name)).map((name) => [name, response.headers.get(name)]);
    try {
      answer.body = JSON.parse(answer.text);
    } catch { /* not Doorward's: shown as it is */ }
    answer.statusText = response.statusText || answer.body?.status || '';
    answer.ok = response.ok && answer.body != null;
    setClock(response.headers.get('Date'));
    answer.wait = secondsToWait(response.headers.get('Retry-After'));
  } catch (error) {
    answer.tooSlow = error.name === 'TimeoutError';
  }
  answer.ms = Math.round(performance.now() - started);
  return answer;
}

function setClock(date) {
  const difference = Date.parse(date) - Date.now();
  // The header has whole seconds, so a small difference means nothing.
  if (!Number.isNaN(difference)) clockOffset = Math.abs(difference) < 2000 ? 0 : difference;
}

function secondsToWait(retryAfter) {
  if (!retryAfter) return null;
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now() - clockOffset) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(1, Math.ceil(seconds));
}

const WORDS = {
  authorization_required: 'This route wants an access token, and none was sent. Log in first (step 2).',
  fresh_token_required: 'This needs a token straight from a login. Yours comes from a refresh: log in again (step 2).',
  invalid_credentials: 'The name or the password is wrong. The server does not say which, so that nobody can find out who has an account.',
  invalid_token: 'The server did not make this token, or not for this purpose.',
  token_expired: 'This token’s time is over. Refresh it (step 4), or log in again (step 2).',
  token_revoked: 'This token was taken back by a logout, although its time is not over.',
  token_reused: 'This refresh token had been used before. That looks like theft, so the whole session was ended: log in again.',
  username_taken: 'Somebody has this name already. Choose another, or log in (step 2) if it is you.',
  validation_failed: 'The server did not accept what you entered: see the fields above.',
  registration_closed: 'This server takes no new accounts by itself.',
  forbidden: 'You are known here, but this is not yours to do.',
  not_found: 'There is nothing at this address.',
};

/** What an answer that is no success means, in a sentence. */
function explain(answer) {
  if (answer.tooSlow) return `No answer within ${GIVE_UP_MS / 1000} seconds. The server is very busy, or stuck. Try again later.`;
  if (!answer.status) return `The server at ${location.origin} cannot be reached. Is it still running? Nothing was changed on this page; try again once it is.`;
  const again = answer.wait ? ` Try again in ${span(answer.wait)}.` : ' Try again in a moment.';
  if (answer.status === 429) return `Too many attempts, so the server makes you wait.${again}`;
  if (answer.status === 503) return `${answer.body?.message ?? 'The server has more to do than it can right now.'}${again}`;
  if (answer.status >= 500) return 'Something went wrong in the server. Its log says what, under the X-Request-Id below.';
  if (answer.body === undefined) return 'This answer is not Doorward’s. Is something else at this address, such as a proxy?';
  return WORDS[answer.body?.error] ?? answer.body?.message ?? '';
}

// --- The cookie ----------------------------------------------------------------------------------------------
// It is out of reach for this page, so the server is asked whose it is.

let kept = null; // who is signed in on this browser

/** Asks whose cookie it is; 401 is an answer like any other. */
async function askWhoIsKept() {
  const response = await fetch(at('/verify'), { cache: 'no-store' }).catch(() => null);
  await response?.text().catch(() => null); // unread, it would keep its connection
  const name = response?.ok ? response.headers.get('Remote-User') : null;
  // Header bytes reach us one by one; names are UTF-8.
  kept = name && new TextDecoder().decode(Uint8Array.from(name, (c) => c.charCodeAt(0)));
  renderKept();
}

function renderKept() {
  $('#kept').hidden = kept === null;
  $('#kept-name').textContent = kept;
  $('#back').hidden = !wanted;
  if (wanted) $('#back').href = wanted;
}

async function leave() {
  const answer = await ask({ method: 'POST', path: '/logout', csrf: true });
  remember(answer);
  if (answer.ok || answer.status === 401) {
    kept = null;
    announce('Logged out on this browser.');
  }
  $('#kept-fault').textContent = kept === null ? '' : explain(answer);
  renderKept();
}

/** What an app sent us here from, if it is on this very host; a link could name any other. */
function wantedPage() {
  const named = new URLSearchParams(location.search).get('return');
  if (!named) return null;
  try {
    const { href } = new URL(named, location.origin);
    return href.startsWith(`${location.origin}/`) ? href : null;
  } catch {
    return null;
  }
}
const wanted = wantedPage();

// --- The actions ---------------------------------------------------------------------------------------------
// request(): what to ask. ok(answer): what to do after a good answer; returns the sentence to show.
// refused(answer): the same for an error, where the usual explanation does not do.
// own: there must be a user of ours; an open server would take anybody's id, and delete them.

const typed = (step) => Object.fromEntries($$('input[name]', $(`#${step}`))
  .filter((input) => input.type !== 'checkbox' || input.checked)
  .map((input) => [input.name, input.type === 'checkbox' || input.value]));

// The code of a set-up link. It stands after the #, which no browser sends and no proxy logs, and leaves the address bar at once.
let setupCode = null;

function takeSetupCode() {
  const code = /^#setup=(\w+)$/.exec(location.hash)?.[1];
  if (!code) return;
  setupCode = code;
  history.replaceState(null, '', location.pathname + location.search);
  $('#setup').hidden = false;
  renderCurls();
}

const actions = {
  setup: {
    request: () => ({ method: 'POST', path: '/setup', json: { code: setupCode ?? '<code>', ...typed('setup') } }),
    ok() {
      const { username, password } = typed('setup');
      $('#login-username').value = username;
      $('#login-password').value = password;
      $('#setup-password').value = '';
      setupCode = null;
      finish('register');
      focus('#login button:not(.copy)');
      return 'You are the administrator of this server. Now log in: step 2 is filled in.';
    },
    refused: ({ status }) => status === 401
      && 'This link is no good any more: it was used, its 30 minutes are over, or the server was started again.',
  },
  register: {
    request: () => ({ method: 'POST', path: '/register', json: typed('register') }),
    ok() {
      const { username, password } = typed('register');
      $('#login-username').value = username;
      $('#login-password').value = password;
      $('#register-password').value = '';
      finish('register');
      focus('#login button:not(.copy)');
      return 'Your account exists, at the address in the Location header. Now log in: step 2 is filled in.';
    },
  },
  login: {
    request: () => ({ method: 'POST', path: '/login', json: typed('login') }),
    ok({ body }) {
      keep(body);
      done = [];
      finish('register', 'login');
      $$('#call [data-curl], #refresh [data-curl], #logout [data-curl]').forEach(clearOutcome); // they were about another session
      $$('input[name=password]').forEach((input) => { input.value = ''; });
      if ($('#login-keep').checked) {
        kept = claims().username;
        renderKept();
        if (wanted) location.assign(wanted);
      }
      focus('[data-action=test]');
      return 'You are in. The two tokens are shown under “Your tokens”.';
    },
  },
  test: {
    request: () => ({ method: 'GET', path: '/test', bearer: session?.access }),
    ok() {
      finish('call');
      return 'The server checked the token: its signature, its times, and that nobody took it back.';
    },
  },
  bare: {
    request: () => ({ method: 'GET', path: '/test' }),
    refused: () => 'Refused, as it should be: no token, no answer.',
  },
  me: {
    request: () => ({ method: 'GET', path: '/me', bearer: session?.access }),
    ok: ({ body }) => `The token speaks for ${body.username}, user ${body.id}.`,
  },
  user: {
    own: true,
    request: () => ({ method: 'GET', path: ownPath(), bearer: session?.access }),
    ok: ({ body }) => `User ${body.id} is ${body.username}.`,
  },
  keys: {
    request: () => ({ method: 'GET', path: '/.well-known/jwks.json' }),
    async ok({ body }) {
      if (!session) return 'These are the public keys. Log in first (step 2), then there is a token to check.';
      const { alg, kid } = decode(session.access)?.header ?? {};
      const jwk = body.keys?.find((key) => key.kid === kid);
      if (alg === 'HS256') return 'This server signs with a shared secret (HS256), so there is no public key to check with.';
      if (!jwk) return 'The key that signed your token is not among these.';
      // crypto.subtle exists only on https and on localhost
      if (!globalThis.crypto?.subtle) return 'Here is the key, but browsers check signatures only on https or localhost.';
      const good = await signatureIsGood(session.access, jwk).catch(() => false);
      return good
        ? `The signature is good: your browser checked it with key ${kid.slice(0, 8)}… (${alg}).`
        : 'Your browser could not confirm the signature with this key.';
    },
  },
  refresh: {
    request: () => ({ method: 'POST', path: '/refresh', bearer: session?.refresh }),
    ok({ body }) {
      keep(body);
      finish('refresh');
      return 'A new pair, and a new countdown. What is new in the tokens is marked. This access token is no longer fresh.';
    },
    refused(answer) {
      if (answer.status !== 401) return null;
      if (!session) return 'There is no refresh token yet. Log in first (step 2).';
      forget('register'); // a refused refresh token never becomes good again
      return `${explain(answer)} This page let go of the tokens: log in again (step 2).`;
    },
  },
  logout: {
    // A session whose access token ran out can still be ended, with the refresh token.
    request: () => ({ method: 'POST', path: '/logout', bearer: accessIsOver() ? session.refresh : session?.access }),
    async ok() {
      forget(...STEPS);
      if (kept !== null) await askWhoIsKept();
      return 'Logged out. The server remembers that both tokens are no good any more. See for yourself:';
    },
    refused({ status, body }) {
      if (status !== 401 || body?.error === 'token_expired') return null;
      if (!session) return 'You are not logged in, so there is nothing to end.';
      forget('register');
      return 'The server refuses this token already, so the session was over. This page let go of the tokens.';
    },
  },
  oldAccess: {
    request: () => ({ method: 'GET', path: '/test', bearer: old?.access }),
    ok: () => 'The server still takes this token. It should not!',
    refused: ({ body }) => body?.error === 'token_revoked'
      && 'Refused, as it should be. Its signature is right and its time is not over, but it was taken back.',
  },
  oldRefresh: {
    request: () => ({ method: 'POST', path: '/refresh', bearer: old?.refresh }),
    ok: () => 'The server still takes this token. It should not!',
    refused: ({ status }) => status === 401 && 'Refused, as it should be: nobody can get new tokens out of a session that has ended.',
  },
  remove: {
    own: true,
    request: () => ({ method: 'DELETE', path: ownPath(), bearer: session?.access }),
    async ok() {
      forget();
      if (kept !== null) await askWhoIsKept();
      return 'Your account is gone, and every session with it.';
    },
  },
};

const EXPECTED = ['bare', 'oldAccess', 'oldRefresh']; // here a refusal is the lesson, not a mishap
let busy = false;
let focusNext = null;

function focus(selector) {
  focusNext = selector;
}

async function run(name) {
  const action = actions[name];
  const box = $(`[data-curl=${name}]`);
  const step = box.closest('.step');
  if (busy) return;
  if (action.own && !session) {
    clearOutcome(box);
    $('.verdict', box).textContent = 'Log in first (step 2).';
    return;
  }
  busy = true;
  step.setAttribute('aria-busy', 'true');
  clearFaults(step);

  try {
    const answer = await ask(action.request());
    const sentence = answer.ok ? await action.ok?.(answer) : (answer.status && action.refused?.(answer)) || explain(answer);
    remember(answer);
    showOutcome(box, answer, sentence, EXPECTED.includes(name) && answer.status === 401);
    showFaults(step, answer);
    render();
  } finally {
    busy = false;
    step.removeAttribute('aria-busy');
  }
  if (focusNext) $(focusNext).focus();
  focusNext = null;
}

// --- Showing answers -----------------------------------------------------------------------------------------

const statusLine = ({ status, statusText }) => (status ? `${status} ${statusText}` : 'No answer');

function showOutcome(box, answer, sentence = '', expected) {
  const verdict = $('.verdict', box);
  verdict.className = `verdict ${answer.ok || expected ? 'good' : 'refused'}`;
  verdict.replaceChildren(element('strong', { textContent: statusLine(answer) }), ` ${sentence}`);
  $('.answer', box).hidden = false;
  $('.answer', box).replaceChildren(...describe(answer));
}

function clearOutcome(box) {
  $('.verdict', box).replaceChildren();
  $('.answer', box).hidden = true;
}

const headline = (answer, time) => [
  element('code', { textContent: `${answer.method} ${answer.path}` }),
  element('span', { className: answer.ok ? 'status' : 'status refused', textContent: statusLine(answer) }),
  element('span', { className: 'time', textContent: time }),
];

/** An answer in full: request line, status, time, headers, body. */
function describe(answer) {
  const line = element('p', { className: 'line' }, ...headline(answer, `${answer.ms} ms`));
  if (!answer.status) return [line];
  const headers = element('dl', { className: 'headers' });
  for (const [name, value] of answer.headers) {
    headers.append(element('div', {}, element('dt', { textContent: name }), element('dd', { textContent: value })));
  }
  const text = answer.body === undefined ? answer.text : JSON.stringify(answer.body, null, 2);
  return [line, headers, element('pre', { className: 'body', tabIndex: 0, textContent: text || '(no body)' })];
}

function remember(answer) {
  $('#history-empty').hidden = true;
  const summary = element('summary', {}, ...headline(answer, answer.at.toLocaleTimeString()));
  $('#history').prepend(element('li', {}, element('details', {}, summary, element('div', { className: 'answer' }, ...describe(answer)))));
}

/** Puts the server's complaints beside the fields they are about, and the cursor into the first of these. */
function showFaults(step, { body }) {
  const faults = { ...body?.errors?.json };
  if (body?.error === 'username_taken') faults.username = [body.message];
  if (body?.error === 'invalid_credentials' && step.id !== 'setup') faults.password = [body.message];
  for (const input of $$('input[name]', step)) {
    const fault = $(`#${input.id}-fault`);
    if (!fault || !faults[input.name]) continue;
    fault.textContent = [faults[input.name]].flat().join(' ');
    input.setAttribute('aria-invalid', 'true');
    focusNext ??= `#${input.id}`;
  }
}

function clearFaults(step) {
  $$('.fault', step).forEach((fault) => { fault.textContent = ''; });
  $$('[aria-invalid]', step).forEach((input) => input.removeAttribute('aria-invalid'));
}

// --- The same with curl --------------------------------------------------------------------------------------

/** A word the shell leaves as it is: single quotes, and '\'' for a single quote inside. */
const quoted = (text) => text.replaceAll("'", "'\\''");
const word = (text) => (/^[\w.,:/@%+=-]+$/.test(text) ? text : `'${quoted(text)}'`);

function curl({ method, path, json, bearer }) {
  const verb = method === 'GET' ? '' : `-X ${method} `;
  const parts = [`curl -i ${verb}${word(location.origin + at(path))}`];
  if (json) parts.push("-H 'Content-Type: application/json'", `-d '${quoted(JSON.stringify(json))}'`);
  if (bearer) parts.push(`-H 'Authorization: Bearer ${quoted(bearer)}'`);
  return parts.join(' \\\n  ');
}

function renderCurl(box) {
  const request = actions[box.dataset.curl].request();
  const password = request.json?.password;
  if (request.json) request.json = { ...request.json, username: request.json.username || '<username>', password: password || '<password>' };
  const text = curl(request);
  $('.copy', box).setAttribute('aria-label', `Copy curl for ${request.method} ${request.path}`);
  // A token is shown shortened and a password as dots, by style only: copying gets the whole command.
  const long = request.bearer ?? (password && quoted(JSON.stringify(password).slice(1, -1)));
  const start = long ? text.lastIndexOf(long) : -1;
  const code = $('code', box);
  if (start < 0) {
    code.textContent = text;
  } else {
    const className = request.bearer ? 'token' : 'secret';
    code.replaceChildren(text.slice(0, start), element('span', { className, textContent: long }), text.slice(start + long.length));
  }
}

/** Makes a button copy the text of a node, and a selection in it the same: whole, not the dots and ellipses shown. */
function copies(button, node) {
  const label = button.textContent;
  node.addEventListener('copy', (event) => {
    event.clipboardData.setData('text/plain', getSelection().getRangeAt(0).cloneContents().textContent);
    event.preventDefault();
  });
  button.addEventListener('click', () => {
    getSelection().selectAllChildren(node);
    // The old way, because browsers give navigator.clipboard only to https and localhost.
    const copied = document.execCommand('copy');
    button.textContent = copied ? 'Copied' : 'Selected';
    announce(copied ? 'Copied.' : 'Selected. Press Control C or Command C to copy.');
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

function announce(text) {
  $('#announce').replaceChildren(text); // a new node, so that the same words are spoken again
}

// --- Showing tokens ------------------------------------------------------------------------------------------

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** 875 becomes "14 min 35 s": the two largest units. */
function span(seconds) {
  let rest = seconds;
  const parts = UNITS.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return [count, unit];
  });
  const first = parts.findIndex(([count]) => count > 0);
  return first < 0 ? '0 s' : parts.slice(first, first + 2).map((part) => part.join(' ')).join(' ');
}

const secondsUntil = (moment) => moment - Math.floor((Date.now() + clockOffset) / 1000);
const relative = (moment) => (secondsUntil(moment) > 0 ? `in ${span(secondsUntil(moment))}` : `${span(-secondsUntil(moment))} ago`);
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

function claimTable(title, part, before) {
  const table = element('table', {}, element('caption', { textContent: title }));
  const rows = element('tbody');
  for (const [name, value] of Object.entries(part)) {
    const cell = element('td', {}, element('code', { className: 'value', textContent: typeof value === 'string' ? value : JSON.stringify(value) }));
    if (before && JSON.stringify(before[name]) !== JSON.stringify(value)) cell.append(element('span', { className: 'new', textContent: 'new' }));
    if (MOMENTS.includes(name) && Number.isFinite(value)) {
      const live = element('span');
      live.dataset.moment = value;
      cell.append(element('small', { className: 'when' }, `${absolute.format(value * 1000)}, `, live));
    }
    const meaning = Object.hasOwn(MEANING, name) ? MEANING[name] : 'A claim of this server’s own';
    cell.append(element('small', { textContent: name === 'alg' ? algorithm(value) : meaning }));
    rows.append(element('tr', {}, element('th', { scope: 'row' }, element('code', { textContent: name })), cell));
  }
  table.append(rows);
  return table;
}

const shown = {}; // which token each pass shows, so that a countdown does not close what was opened

function renderPass(box, title, token) {
  if (shown[title] === (token ?? null)) return;
  const before = shown[title] && decode(shown[title]);
  shown[title] = token ?? null;
  if (!token) {
    const why = old ? 'Removed. The server refuses it now.' : 'None yet. It appears here when you log in.';
    box.replaceChildren(element('div', { className: 'pass none' }, element('h3', { textContent: title }), element('p', { textContent: why })));
    return;
  }
  const opened = $$('details', box).map((details) => details.open);
  box.replaceChildren($('#pass-template').content.cloneNode(true));
  $('h3', box).textContent = title;
  const read = decode(token);
  if (read) {
    const { header, payload } = read;
    const badge = $('.badge', box);
    badge.hidden = typeof payload.fresh !== 'boolean';
    badge.textContent = payload.fresh ? 'fresh' : 'not fresh';
    if (Number.isFinite(payload.exp)) Object.assign($('.pass', box).dataset, { expires: payload.exp, lasts: payload.exp - payload.iat });
    $('progress', box).setAttribute('aria-label', `${title}: time left`);
    const same = before?.payload.sid === payload.sid ? before : null; // compare only within one session
    $('.claims div', box).setAttribute('aria-label', `${title}: claims`);
    $('.claims div', box).append(claimTable('Payload', payload, same?.payload), claimTable('Header', header, same?.header));
  }
  const raw = $('.raw', box);
  raw.setAttribute('aria-label', `${title} as it is sent`);
  token.split('.').forEach((part, i) => raw.append(i ? '.' : '', element('span', { className: `part-${i + 1}`, textContent: part })));
  copies($('.copy', box), raw);
  // On a wide window the access token lies open; on a phone the steps come first.
  $$('details', box).forEach((details, i) => {
    details.open = opened[i] ?? (i === 0 && title === 'Access token' && matchMedia('(min-width: 62rem)').matches);
  });
}

function tick() {
  for (const live of $$('[data-moment]')) live.textContent = relative(Number(live.dataset.moment));
  for (const pass of $$('[data-expires]')) {
    const left = secondsUntil(Number(pass.dataset.expires));
    $('.left', pass).textContent = `${left > 0 ? 'Expires' : 'Expired'} ${relative(Number(pass.dataset.expires))}`;
    $('progress', pass).value = Math.max(0, left / Number(pass.dataset.lasts));
    if (left <= 0 && !pass.classList.contains('expired')) {
      pass.classList.add('expired');
      announce(`${$('h3', pass).textContent} expired.`);
      renderCurls(); // logging out now takes the other token
    }
  }
}

// --- The page as a whole -------------------------------------------------------------------------------------

function render() {
  const { username, sub } = claims();
  $('#who').textContent = session ? `Signed in as ${username ?? `user ${sub}`}` : 'Not signed in';
  renderPass($('#access'), 'Access token', session?.access);
  renderPass($('#refresh-token'), 'Refresh token', session?.refresh);
  $('#refused').hidden = !old;
  const next = STEPS.find((step) => !done.includes(step));
  for (const step of STEPS) {
    const section = $(`#${step}`);
    section.dataset.state = done.includes(step) ? 'done' : step === next ? 'next' : 'later';
    $('.state', section).textContent = { done: 'done', next: 'next', later: '' }[section.dataset.state];
  }
  renderCurls();
  tick();
}

const renderCurls = () => $$('[data-curl]').forEach(renderCurl);

function start() {
  for (const box of $$('[data-curl]')) {
    box.append($('#action-template').content.cloneNode(true));
    copies($('.copy', box), $('code', box));
  }
  for (const form of $$('form')) {
    form.addEventListener('input', renderCurls);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      run(form.dataset.action);
    });
    $('.reveal input', form).addEventListener('change', ({ target }) => {
      $('[name=password]', form).type = target.checked ? 'text' : 'password';
      form.closest('.step').classList.toggle('revealed', target.checked);
    });
  }
  for (const button of $$('button[data-action]')) button.addEventListener('click', () => run(button.dataset.action));
  $('#leave').addEventListener('click', leave);
  $('#login-keep').checked = wanted !== null; // the app behind knows the cookie only
  restore();
  takeSetupCode();
  addEventListener('hashchange', takeSetupCode);
  render();
  askWhoIsKept();
  setInterval(tick, 1000);
}

start();
