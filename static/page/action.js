// What a button does: asks, says what came of it, and puts faults beside their fields.

import { ask, explain } from './api.js';
import { $, $$, button, confirmed, el, row, table } from './dom.js';
import { askOwn, claims } from './session.js';
import { counting } from './time.js';

export const outcome = (name) => el('div.outcome', { 'data-curl': name },
  el('p.verdict', { role: 'status' }), el('p.again'), el('div.card'));

export function say(box, strong, sentence = '', good = false) {
  $('.verdict', box).className = `verdict ${good ? 'good' : 'refused'}`;
  $('.verdict', box).replaceChildren(el('strong', strong), ` ${sentence}`);
}

export const clear = (box) => $$('.verdict, .again, .card', box).forEach((part) => part.replaceChildren());

/**
 * Asks, and tells the outcome in `box` and faults in the form of its name. `ok`: the sentence for success, or what makes it.
 * `refused`: sentences by status. `lesson`: that for a 401, which is right here. `show(exchange)`: the answer as nodes.
 */
export async function perform(box, request, { ok, refused = {}, lesson, show, sid } = {}) {
  if (box.ariaBusy === 'true') return {};
  box.ariaBusy = 'true';
  const exchange = await (request.call ? request() : ask(request));
  clear(box);
  box.ariaBusy = 'false';
  if (!exchange) {
    say(box, 'Another tab was first.', 'It counts here, too.', true);
    return {};
  }
  if (exchange.ok && sid && sid !== claims().sid) return {};
  const { status, line, again } = exchange;
  const right = status === 401 && lesson;
  const sentence = exchange.ok ? await (ok?.call ? ok(exchange) : ok) : right || (refused[status] ?? explain(exchange));
  if (!exchange.ok || ok) say(box, line, sentence, exchange.ok || right);
  if (again) $('.again', box).append(counting(again, 'wait'));
  if (show) $('.card', box).replaceChildren(...show(exchange));
  const form = $(`#${box.dataset.curl}-form`);
  if (form) showFaults(form, exchange);
  return exchange;
}

/** The same as who is logged in; an answer that comes after the session is not told. */
export async function performOwn(box, request, options) {
  const { sid } = claims();
  if (sid) return perform(box, () => askOwn(request), { ...options, sid });
  say(box, 'Log in first.');
  return {};
}

export function showFaults(form, { body }) {
  const faults = { ...body?.errors?.json, ...body?.errors?.query };
  if (body?.error === 'username_taken') faults.username = [body.message];
  if (body?.error === 'invalid_credentials') faults.password = faults.current_password = [body.message];
  for (const input of $$('[name]', form)) {
    const fault = faults[input.name];
    $(`#${input.id}-fault`).textContent = fault ? [Object.values(fault)].flat(2).join(' ') : '';
    input.setAttribute('aria-invalid', Boolean(fault));
  }
  $('[aria-invalid=true]', form)?.focus();
}

function shown(value, name) {
  if (value == null || value.length === 0) return '–';
  if (['created', 'expires', 'until', 'last_used'].includes(name)) return counting(value);
  return Array.isArray(value) ? value.join(', ') : `${value}`;
}

export function get(path, values = {}) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return { method: 'GET', path: query.size ? `${path}?${query}` : path };
}

/** A table of what the server lists at a path under `key`, page by page: what `query(cursor)` asks for. */
export function listing(path, columns, { key = path.split('/').pop(), empty = 'None.', query = () => ({}) } = {}) {
  const [place, box] = [el('div'), outcome(key)];
  async function load(cursor, before = []) {
    const { ok, body } = await performOwn(box, get(path, query(cursor)));
    if (!ok) return;
    const all = [...before, ...body[key]];
    place.replaceChildren(all.length ? table(key, columns, all, shown) : el('p.hint', empty),
      row(body.next && button('Show more', () => load(body.next, all), 'small')));
  }
  const make = async (where, json, options) => (await performOwn(where, { method: 'POST', path, json }, options)).ok && load();
  const act = (label, target, { method = 'DELETE', warning, then = load } = {}) => button(label, async () => {
    if (warning && !await confirmed(`${label}?`, warning, label)) return;
    const { ok, body } = await performOwn(box, { method, path: target });
    if (ok) await then();
    if (ok) say(box, body.message, '', true);
  }, warning ? 'small danger' : 'small');
  return { parts: [place, box], load, make, act };
}
