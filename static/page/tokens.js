// Tokens, taken apart and explained.

import { $$, code, copies, el } from './dom.js';
import { counting } from './time.js';

/** The text whose bytes in UTF-8 these letters are. */
export const fromBytes = (letters) => new TextDecoder().decode(Uint8Array.from(letters, (c) => c.charCodeAt(0)));

/** Header and payload of a JWT, unchecked; null for what is none. */
export function decode(token) {
  try {
    const parts = /^([\w-]+)\.([\w-]+)\.[\w-]*$/.exec(token).slice(1);
    const [header, payload] = parts.map((part) => JSON.parse(fromBytes(atob(part.replaceAll('-', '+').replaceAll('_', '/')))));
    return Object(header) === header && Object(payload) === payload ? { header, payload } : null;
  } catch {
    return null;
  }
}

const MEANING = {
  typ: 'The kind of token.',
  kid: 'Which key signed it.',
  iss: 'Who made it.',
  sub: 'The id of the user it speaks for.',
  aud: 'Who may accept it.',
  iat: 'When it was issued.',
  nbf: 'It is not valid before this.',
  exp: 'It expires then.',
  jti: 'Its number, by which it can be taken back.',
  type: 'An access token opens routes; a refresh token only fetches new ones.',
  fresh: 'Straight after a login; not after a refresh.',
  sid: 'The session: one login, however often refreshed.',
  ctr: 'How often it was refreshed; an old number betrays a copy.',
  username: 'The name of the user.',
  roles: 'What the user may do, for programs to read.',
  alg: 'How it is signed: HS by a shared secret, others by a private key.',
};

function part(title, claims, before) {
  const row = ([name, value]) => el('tr', {}, el('th', { scope: 'row' }, code(name)), el('td', {}, code(value),
    before && JSON.stringify(before[name]) !== JSON.stringify(value) ? el('span', { className: 'badge' }, 'new') : null,
    ['iat', 'nbf', 'exp'].includes(name) && Math.abs(value) < 1e11 ? el('small', {}, `${new Date(value * 1000).toLocaleString()}, `, counting(value)) : null,
    el('small', {}, Object.hasOwn(MEANING, name) ? MEANING[name] : 'A claim of this issuer’s own.')));
  return el('table', {}, el('caption', {}, title), el('tbody', {}, Object.entries(claims).map(row)));
}

/** A token's readable parts as tables; what differs from the one before is marked. */
export const tables = ({ header, payload }, before) => [part('Payload', payload, before?.payload), part('Header', header, before?.header)];

/** A token as it is sent, in three colours. */
export const raw = (token) => el('p', { className: 'raw', tabIndex: 0 }, token.split('.').map((text, i) => [i ? '.' : '', el('span', { className: `part-${i + 1}` }, text)]));

const shown = {}; // what each pass shows, so that what was opened stays open

/** Shows a token as a pass. */
export function renderPass(box, title, token, none) {
  if (shown[title]?.key === (token ?? none)) return;
  const [before, read] = [shown[title]?.read?.payload, decode(token)];
  shown[title] = { key: token ?? none, read };
  if (!read) return box.replaceChildren(el('div', { className: 'pass none' }, el('h3', {}, title), el('p', {}, none)));
  const { payload } = read;
  const opened = $$('details', box).map(({ open }) => open);
  // On a phone the steps come first.
  const open = opened[0] ?? (title === 'Access token' && matchMedia('(width >= 62rem)').matches);
  return box.replaceChildren(el('article', { className: 'pass' },
    el('div', { className: 'face' }, el('h3', {}, title), 'fresh' in payload ? el('span', { className: 'badge' }, payload.fresh ? 'fresh' : 'not fresh') : null,
      el('p', {}, counting(payload.exp, 'expiry'))),
    el('details', { open }, el('summary', {}, 'What it says'),
      tables(read, before?.sid === payload.sid && { payload: before, header: read.header })),
    el('details', { open: opened[1] }, el('summary', {}, 'What is sent'), raw(token),
      el('p', { className: 'hint' }, 'Header, payload, signature. Anyone can read the first two.'),
      copies('Copy token', () => token))));
}
