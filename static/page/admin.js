// For administrators.

import { SESSION } from './account.js';
import { at, removal, watch } from './api.js';
import { listing, outcome, performOwn, say, showFaults } from './action.js';
import { $, CHOSEN, button, code, copies, el, form, row, typed } from './dom.js';
import { askOwn, claims } from './session.js';
import { counting } from './time.js';

const get = (path, values = {}) => {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return { method: 'GET', path: query.size ? `${path}?${query}` : path };
};
const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const ROLES = { name: 'roles', label: 'Roles', hint: 'With commas or blanks between; this server knows admin' };

export const isAdmin = () => Boolean(claims().roles?.includes('admin'));

/** What is told of a new code, for the form of this kind. */
const issued = (kind) => ({
  ok: 'Pass the code or the link on. They are shown this once.',
  show({ ok, body }) {
    if (!ok) return [];
    const link = `${document.documentElement.dataset.address || location.origin + at('/')}#${kind}=${body.code}`;
    return [el('p', { className: 'raw' }, body.code), code(link), el('p', {}, 'It ends ', counting(body.expires), '.'),
      row(copies('Copy code', () => body.code), copies('Copy link', () => link))];
  },
});

const names = {}; // of users, by id, as far as they were told
const named = (id) => [id, names[id]].join(' ').trim() || '–';
const actor = (who) => named(who).replace(/^user:(\d+)$/, (all, id) => `user:${named(id)}`);

const users = listing({
  caption: 'Users', key: 'users', empty: 'No user of that name.', request: (after) => get('/users', { ...typed($('#find-form')), after, limit: 25 }),
  columns: [['username', (user) => button(user.username, () => manage(user), 'link')], 'id', 'roles', ['state', ({ disabled }) => (disabled ? 'disabled' : 'active')], 'created'],
});
const invites = listing({
  caption: 'Invites', key: 'invites', request: () => get('/invites'),
  columns: ['id', 'created', 'expires', ['action', ({ id }) => invites.act('Take back', removal(`/invites/${id}`))]],
});
const throttle = listing({
  caption: 'Who must wait', key: 'blocks', empty: 'Nobody has to wait.', request: () => get('/throttle'),
  columns: ['scope', ['user', ({ user }) => named(user)], 'address', 'failures', 'until', ['action', ({ user, address }) => (user ?? address
    ? throttle.act('Unlock', removal(user ? `/user/${user}/throttle` : `/throttle/${address.split('/')[0]}`)) : '')]],
});
const audit = listing({
  caption: 'Events', key: 'events', filter: '#events-form', request: (before) => get('/audit', { ...sought, before, limit: 20 }),
  columns: ['event', ['time', ({ time }) => new Date(time).toLocaleString()], ['actor', (event) => actor(event.actor)], ['user', ({ user }) => named(user)], 'address', ['details', ({ details }) => (Object.keys(details).length ? code(details) : '–')]],
});

/** The list, instead of one user. */
function back() {
  $('#one').replaceChildren();
  $('#list').hidden = false;
  return users.load();
}

/** One user, instead of the list. */
function manage(user) {
  const path = `/user/${user.id}`;
  const box = outcome('user-admin');
  const sessions = listing({ caption: 'Sessions', key: 'sessions', request: () => get(`${path}/sessions`),
    columns: [...SESSION, ['action', ({ id }) => sessions.act('End', removal(`${path}/sessions/${id}`))]] });
  const change = async (json, form) => {
    const { ok, body } = await performOwn(box, { method: 'PATCH', path, json }, { form });
    if (ok) say(manage(body), 'Saved.', '', true);
  };
  const save = (typed, made) => {
    let claims = typed.claims;
    try {
      claims = JSON.parse(claims);
    } catch { /* the server says what it thinks of it */ }
    change({ roles: words(typed.roles), claims }, made);
  };
  const title = el('h3', { tabIndex: -1 }, `${user.username}, user ${user.id}${user.disabled ? ', disabled' : ''}`);
  $('#list').hidden = true;
  $('#one').replaceChildren(button('← All users', back, 'link'), title,
    form('user', [{ ...ROLES, value: user.roles.join(', ') },
      { name: 'claims', label: 'Custom claims', kind: 'textarea', rows: 3, value: JSON.stringify(user.claims), hint: 'A JSON object, put into each new access token' }], 'Save', save),
    row(button(user.disabled ? 'Enable' : 'Disable', () => change({ disabled: !user.disabled }), 'small'),
      button('Make a reset code', () => performOwn(box, { method: 'POST', path: `${path}/reset` }, issued('reset')), 'small'),
      sessions.act('Unlock', removal(`${path}/throttle`)), sessions.act('End all sessions', removal(`${path}/sessions`)),
      sessions.act(`Delete ${user.username}`, removal(path), 'The user and all of its sessions are gone at once, for good.', back)),
    box, el('h4', {}, 'Sessions'), ...sessions.parts);
  title.focus();
  sessions.load();
  return box;
}

let sought; // of events

/** Looks for events, of a user by id or by name. */
async function seek({ user, event }, made) {
  const { ok, body } = /^\d*$/.test(user) ? {} : await askOwn(get('/users', { username: user }));
  if (ok && !body.users.length) return showFaults(made, { body: { errors: { json: { user: ['No user of that name.'] } } } });
  sought = { user: ok ? body.users[0].id : user, event };
  return audit.load();
}

/** The words for events are in the document of the API. */
async function learnWords() {
  const { components } = await (await fetch(at('/openapi.json'))).json();
  $('#events-event').append(...components.schemas.EventWord.enum.map((word) => new Option(word)));
}

export async function open() {
  if (!$('#events-event')[1]) learnWords();
  await back(); // which tells names
  [invites, throttle].forEach((list) => list.load());
  seek(typed($('#events-form')), $('#events-form'));
}

async function make(box, list, path, json, options) {
  const { ok } = await performOwn(box, { method: 'POST', path, json }, options);
  if (ok) list.load();
}

export function start() {
  watch(({ request, ok, body }) => {
    for (const { id, username } of body?.users ?? [body ?? {}]) if (username) names[id] = username;
    if (ok && request.method !== 'GET' && $('#admin.shown')) audit.load();
  });
  const [added, invited] = [outcome('add'), outcome('invite')];
  const add = (json, form) => make(added, users, '/users', { ...json, roles: words(json.roles) }, { form, ok: ({ body }) => (form.reset(), `${body.username} is user ${body.id}.`) });
  $('#users').append(el('div', { id: 'list' }, form('find', [{ name: 'username', label: 'Name', autocomplete: 'off' }], 'Find', () => users.load()), users.parts,
    el('details', {}, el('summary', {}, 'Add a user'), form('add', [{ name: 'username', label: 'Username', autocomplete: 'off' }, CHOSEN, ROLES], 'Add', add), added)), el('div', { id: 'one' }));
  $('#invites').append(...invites.parts, button('Make an invite for a week', () => make(invited, invites, '/invites', {}, issued('invite'))), invited);
  $('#throttle').append(...throttle.parts);
  $('#audit').append(form('events', [{ name: 'user', label: 'User', hint: 'A name or an id' }, { name: 'event', label: 'Event', kind: 'select', choices: [new Option('any', '')] }], 'Filter', seek), ...audit.parts);
}
