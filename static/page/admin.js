// For administrators.

import { sessionsAt } from './account.js';
import { at, watch } from './api.js';
import { get, listing, outcome, performOwn, say, showFaults } from './action.js';
import { $, CHOSEN, button, code, copies, el, form, row, typed } from './dom.js';
import { askOwn, claims } from './session.js';
import { counting } from './time.js';

const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const ROLES = { name: 'roles', hint: 'With commas or blanks between; admin is known' };

export const isAdmin = () => Boolean(claims().roles?.includes('admin'));

const issued = (kind) => ({
  ok: 'Pass the code or the link on: they are shown only now.',
  show({ ok, body }) {
    if (!ok) return [];
    const link = `${document.documentElement.dataset.address || location.origin + at('/')}#${kind}=${body.code}`;
    return [el('p.raw', body.code), code(link), el('p', 'It ends ', counting(body.expires), '.'),
      row(copies('Copy code', () => body.code), copies('Copy link', () => link))];
  },
});

const names = {}; // of users, by id
const named = (id) => [id, names[id]].join(' ').trim() || '–';
const actor = (who) => named(who).replace(/^user:(\d+)$/, (all, id) => `user:${named(id)}`);

const users = listing('/users', [['username', (user) => button(user.username, () => manage(user), 'link')], 'id', 'roles',
  ['state', ({ disabled }) => (disabled ? 'disabled' : 'active')], 'created'],
{ empty: 'No user of that name.', query: (after) => ({ ...typed($('#find-form')), after, limit: 25 }) });
const invites = listing('/invites', ['id', 'created', 'expires', ['action', ({ id }) => invites.act('Take back', `/invites/${id}`)]]);
const throttle = listing('/throttle', ['scope', ['user', ({ user }) => named(user)], 'address', 'failures', 'until',
  ['action', ({ user, address }) => (user ?? address
    ? throttle.act('Unlock', user ? `/user/${user}/throttle` : `/throttle/${address.split('/')[0]}`) : '')]],
{ key: 'blocks', empty: 'Nobody has to wait.' });
const audit = listing('/audit', ['event', ['time', ({ time }) => new Date(time).toLocaleString()], ['actor', (event) => actor(event.actor)],
  ['user', ({ user }) => named(user)], 'address', ['details', ({ details }) => (Object.keys(details).length ? code(details) : '–')]],
{ key: 'events', query: (before) => ({ ...sought, before, limit: 20 }) });

function back() {
  $('#one').replaceChildren();
  $('#list').hidden = false;
  return users.load();
}

function manage(user) {
  const path = `/user/${user.id}`;
  const box = outcome('user');
  const sessions = sessionsAt(`${path}/sessions`);
  const change = async (json) => {
    const { ok, body } = await performOwn(box, { method: 'PATCH', path, json });
    if (ok) say(manage(body), 'Saved.', '', true);
  };
  const save = ({ roles, claims }) => {
    try {
      claims = JSON.parse(claims);
    } catch { /* the server says what it thinks of it */ }
    change({ roles: words(roles), claims });
  };
  const title = el('h3', { tabIndex: -1 }, `${user.username}, user ${user.id}${user.disabled ? ', disabled' : ''}`);
  $('#list').hidden = true;
  $('#one').replaceChildren(button('← All users', back, 'link'), title,
    form('user', [{ ...ROLES, value: user.roles.join(', ') },
      { name: 'claims', label: 'Custom claims', kind: 'textarea', rows: 3, value: JSON.stringify(user.claims), hint: 'A JSON object, for each new access token' }], 'Save', save),
    row(button(user.disabled ? 'Enable' : 'Disable', () => change({ disabled: !user.disabled }), 'small'),
      button('Make a reset code', () => performOwn(box, { method: 'POST', path: `${path}/reset` }, issued('reset')), 'small'),
      sessions.act('Unlock', `${path}/throttle`), sessions.act('End all sessions', `${path}/sessions`),
      sessions.act(`Delete ${user.username}`, path, { warning: 'The user and its sessions are gone at once, for good.', then: back })),
    box, el('h4', 'Sessions'), ...sessions.parts);
  title.focus();
  sessions.load();
  return box;
}

let sought; // of events

async function seek({ user, event }, made) {
  const { ok, body } = /^\d*$/.test(user) ? {} : await askOwn(get('/users', { username: user }));
  if (ok && !body.users.length) return showFaults(made, { body: { errors: { json: { user: ['No user of that name.'] } } } });
  sought = { user: ok ? body.users[0].id : user, event };
  return audit.load();
}

async function learnWords() {
  const { components } = await (await fetch(at('/openapi.json'))).json();
  $('#events-event').append(...components.schemas.EventWord.enum.map((word) => new Option(word)));
}

export async function open() {
  if (!$('#events-event')[1]) learnWords();
  await back(); // which tells names
  invites.load();
  throttle.load();
  seek(typed($('#events-form')), $('#events-form'));
}

export function start() {
  watch(({ request, ok, body }) => {
    for (const { id, username } of body?.users ?? [body ?? {}]) if (username) names[id] = username;
    if (ok && request.method !== 'GET' && $('#admin.shown')) audit.load();
  });
  const [added, invited] = [outcome('add'), outcome('invite')];
  const add = (json, made) => users.make(added, { ...json, roles: words(json.roles) },
    { ok: ({ body }) => (made.reset(), `${body.username} is user ${body.id}.`) });
  $('#users').append(el('div', { id: 'list' }, form('find', [{ name: 'username', label: 'Name' }], 'Find', () => users.load()), users.parts,
    el('details', el('summary', 'Add a user'), form('add', [{ name: 'username' }, CHOSEN, ROLES], 'Add', add), added)), el('div', { id: 'one' }));
  $('#invites').append(...invites.parts, button('Make an invite for a week', () => invites.make(invited, {}, issued('invite'))), invited);
  $('#throttle').append(...throttle.parts);
  $('#audit').append(form('events', [{ name: 'user', hint: 'A name or an id' }, { name: 'event', kind: 'select', choices: [new Option('any', '')] }],
    'Filter', seek), ...audit.parts);
}
