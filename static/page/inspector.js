// Any token, taken apart; and whether it is good, from the one server that knows.

import { clear, outcome, perform, say } from './action.js';
import { $, button, el, form, row } from './dom.js';
import { own } from './session.js';
import { isOver } from './time.js';
import { decode, raw, tables } from './tokens.js';

const box = outcome('inspect');
const apart = el('div.card');

function judge(pasted) {
  const token = pasted.replace(/^\s*Bearer\s/i, '').replaceAll(/\s/g, '');
  const read = decode(token);
  clear(box);
  apart.replaceChildren(...(read ? [raw(token), ...tables(read)] : []));
  if (!read) return say(box, 'Not a token.', 'A JWT is three parts with dots between, two of them JSON.');
  if (read.payload.type !== 'refresh') {
    return perform(box, { method: 'GET', path: '/test', bearer: token }, { ok: 'Good: the server made it, it has not expired, and nobody took it back.' });
  }
  const over = isOver(read.payload.exp);
  return say(box, 'A refresh token.', `Its time is ${over ? '' : 'not '}over. To ask about it would spend it, so it was not sent.`, !over);
}

export function start() {
  const made = form('inspect', [{ name: 'token', kind: 'textarea', rows: 6 }],
    'Take it apart', ({ token }) => judge(token));
  const mine = (name) => button(`My ${name} token`, () => {
    $('#inspect-token').value = own.session[name];
    made.requestSubmit();
  }, 'small in');
  $('#inspector').append(el('div', made, row(mine('access'), mine('refresh')), box), apart);
}
