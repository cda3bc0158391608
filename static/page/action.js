// What a button does: asks, says in a sentence what came of it, and puts complaints beside their fields.

import { ask, explain } from './api.js';
import { $, $$, button, confirmed, el, row, table } from './dom.js';
import { askOwn, claims } from './session.js';
import { counting } from './time.js';

export const outcome = (name) => el('div', { className: 'outcome', 'data-curl': name },
  el('p', { className: 'verdict', role: 'status' }), el('p', { className: 'again' }), el('div', { className: 'card' }));

export function say(box, strong, sentence = '', good = false) {
  $('.verdict', box).className = `verdict ${good ? 'good' : 'refused'}`;
  $('.verdict', box).replaceChildren(el('strong', {}, strong), ` ${sentence}`);
}

export const clear = (box) => $$('.verdict, .again, .card', box).forEach((part) => part.replaceChildren());

/**
 * Asks, and tells the outcome in `box`; resolves to the exchange. `ok`: the sentence for success, or what makes it; else success is left
 * unsaid. `refused`: sentences by error word or status. `lesson`: here a 401 is right. `show(exchange)`: the answer as nodes.
 */
export async function perform(box, request, { ok, refused = {}, lesson, show, form, sid } = {}) {
  if (box.ariaBusy === 'true') return {};
  box.ariaBusy = 'true';
  const exchange = await (request.call ? request() : ask(request));
  clear(box);
  box.ariaBusy = 'false';
  if (!exchange) {
    say(box, 'Another tab was first.', 'What came of it counts here, too.', true);
    return {};
  }
  if (exchange.ok && sid && sid !== claims().sid) return {};
  const { status, body, line, again } = exchange;
  const sentence = exchange.ok ? await (ok?.call ? ok(exchange) : ok) : refused[body?.error] ?? refused[status] ?? explain(exchange);
  if (!exchange.ok || ok) say(box, line, sentence, exchange.ok || (lesson && status === 401));
  if (again) $('.again', box).append(counting(again, 'wait'));
  if (show) $('.card', box).replaceChildren(...show(exchange));
  if (form) showFaults(form, exchange);
  return exchange;
}

/** The same as the user that is logged in; nothing of an answer that comes when the session has ended. */
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

/** A table of what the server lists under `key`, page by page. `act()` makes a button that changes something and reads it again. */
export function listing({ caption, empty = 'None.', columns, request, key, filter }) {
  const [place, box] = [el('div'), outcome(key)];
  async function load(cursor, before = []) {
    const { ok, body } = await performOwn(box, request(cursor), { form: filter && $(filter) });
    if (!ok) return;
    const all = [...before, ...body[key]];
    place.replaceChildren(all.length ? table(caption, columns, all, shown) : el('p', { className: 'hint' }, empty),
      row(body.next ? button('Show more', () => load(body.next, all), 'small') : null));
  }
  const act = (label, asked, warning, then = () => load()) => button(label, async () => {
    if (warning && !await confirmed(`${label}?`, warning, label)) return;
    const { ok, body } = await performOwn(box, asked);
    if (ok) await then();
    if (ok) say(box, body.message, '', true);
  }, warning ? 'small danger' : 'small');
  return { parts: [place, box], load: () => load(), act };
}
