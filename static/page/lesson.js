// The four steps. One table, `actions`, says what each button asks for and what an answer means.

import { stay, wanted } from './account.js';
import { ask } from './api.js';
import { clear, outcome, perform } from './action.js';
import { $, $$, CHOSEN, CODE, PASSWORD, button, el, form, typed } from './dom.js';
import { answered, curlOf } from './log.js';
import { claims, end, finish, keep, own, rotate } from './session.js';
import { isOver } from './time.js';

export const STEPS = ['login', 'call', 'refresh', 'logout'];

const REGISTRATION = document.documentElement.dataset.registration; // as the server's settings say
const NAME = { name: 'username', label: 'Username', autocomplete: 'username' };
const FORMS = {
  setup: [CODE, NAME, CHOSEN],
  register: [{ ...NAME, hint: 'Letters, digits and . _ - @ +' }, CHOSEN, ...(REGISTRATION === 'invite' ? [{ ...CODE, name: 'invite', label: 'Invite' }] : [])],
  login: [NAME, PASSWORD, { name: 'keep_signed_in', label: 'Keep me signed in here', kind: 'checkbox', hint: 'By a cookie, for the apps behind this server' }],
};
const entered = (step) => typed($(`#${step}-form`));

/** Fills in the next step. */
function goOn(step) {
  const { username, password } = entered(step);
  $('#login-username').value = username;
  $('#login-password').value = password;
  $(`#${step}-password`).value = '';
  $('#login-form > button').focus();
}

/** A link's code stands after the #, which is never sent; it leaves the address bar at once, for its field. */
export function takeCode() {
  const [, kind, code] = /^#(setup|reset|invite)=(\w+)$/.exec(location.hash) ?? [];
  if (!kind) return;
  const part = $(kind === 'invite' ? '#register' : `#${kind}`);
  history.replaceState(null, '', `${location.pathname}${location.search}#${part.id}`);
  part.classList.remove('out'); // whoever is logged in
  part.hidden = false;
  $$('[name=code], [name=invite]', part).forEach((field) => { field.value = code; });
  part.scrollIntoView();
}

// label: what the button says. to: method, path, and whose token. send: who asks, if not ask(). The rest: see perform().
const actions = {
  setup: {
    label: 'Become the administrator', to: ['POST', '/setup'],
    ok: () => (goOn('setup'), 'You are the administrator. Now log in: the form is filled in.'),
    refused: { 401: 'This link was used, or its 30 minutes are over.' },
  },
  register: {
    label: 'Register', to: ['POST', '/register'],
    ok: () => (goOn('register'), 'Your account exists. Now log in: the form is filled in.'),
  },
  login: {
    label: 'Log in', to: ['POST', '/login'],
    ok({ body, request: { json } }) {
      $$('#learn [name=password]').forEach((input) => { input.value = ''; });
      keep(body, ['login']);
      $$('#call .outcome, #refresh .outcome, #logout .outcome').forEach(clear); // they were about another session
      if (json.keep_signed_in) stay(claims().username);
      $('[data-action=test] button').focus();
      return wanted ? '' : 'You are in. See your two tokens.';
    },
  },
  test: {
    label: 'Call /test', to: ['GET', '/test', 'access'],
    ok: () => (finish('call'), 'The server checked the token: signature, times, and that nobody took it back.'),
  },
  me: { label: 'Who am I?', to: ['GET', '/me', 'access'], ok: ({ body }) => `The token speaks for ${body.username}, user ${body.id}.` },
  bare: { label: 'Call /test without a token', to: ['GET', '/test'], lesson: true, refused: { 401: 'Refused, as it should be: no token, no answer.' } },
  refresh: {
    label: 'Refresh', to: ['POST', '/refresh', 'refresh'], send: rotate,
    ok: () => (finish('refresh'), 'A new pair; what is new in it is marked. This access token is no longer fresh.'),
  },
  logout: {
    label: 'Log out', to: ['POST', '/logout', 'access'],
    ok: () => (end(...STEPS), 'Logged out. Both tokens are no good any more. See for yourself:'),
  },
  oldAccess: {
    label: 'See it refused', to: ['GET', '/test', 'access'], lesson: true,
    refused: { token_revoked: 'Refused, as it should be: its time is not over, but it was taken back.' },
  },
  oldRefresh: {
    label: 'Try the old refresh token', to: ['POST', '/refresh', 'refresh'], lesson: true,
    refused: { 401: 'Refused, as it should be: a session that has ended gives no new tokens.' },
  },
};

/** What an action asks for, as things stand. */
function request(name) {
  const [method, path, token] = actions[name].to;
  // A session whose access token ran out can still be ended, with the refresh token.
  const which = name === 'logout' && isOver(claims().exp) ? 'refresh' : token;
  const bearer = (name.startsWith('old') ? own.old : own.session)?.[which];
  return { method, path, bearer, json: FORMS[name] && entered(name) };
}

export function run(name, made) {
  const { send = () => ask(request(name)), ...meaning } = actions[name];
  return perform($(`[data-curl=${name}]`), send, { ...meaning, form: made, show: wanted ? null : answered });
}

export const renderCurls = () => $$('[data-shows]').forEach((place) => place.replaceChildren(...curlOf(request(place.dataset.shows))));

export function start() {
  const told = (name) => [el('div', { className: 'curl', 'data-shows': name }), outcome(name)];
  if (REGISTRATION === 'closed') {
    delete FORMS.register;
    $('#register p').textContent = 'Closed on this server: an administrator makes the accounts.';
  }
  for (const [name, fields] of Object.entries(FORMS)) {
    const made = form(name, fields, actions[name].label, () => run(name, made));
    made.oninput = renderCurls;
    $(`#${name}`).append(made, ...told(name));
  }
  for (const place of $$('[data-action]')) {
    const name = place.dataset.action;
    const old = name.startsWith('old'); // not to be copied
    place.append(button(actions[name].label, () => run(name)), ...told(name).slice(Number(old)));
  }
  $('#login-keep_signed_in').defaultChecked = Boolean(wanted); // the app behind knows the cookie only
}
