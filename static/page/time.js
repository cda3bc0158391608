// The server's time, and texts that follow it, in seconds.

import { $$, el } from './dom.js';

let offset = 0; // the server's clock minus ours, in ms

/** Takes a `Date` header's time, in whole seconds: a small difference means nothing. */
export function setClock(date) {
  const difference = Date.parse(date) - Date.now();
  if (!Number.isNaN(difference)) offset = Math.abs(difference) < 2000 ? 0 : difference;
}

export const now = () => Math.floor((Date.now() + offset) / 1000);
export const isOver = (moment) => moment <= now();

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** 875 becomes "14 min 35 s": the two largest units. */
function span(seconds) {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  const parts = UNITS.map(([unit, size], i) => `${Math.floor((i ? seconds % UNITS[i - 1][1] : seconds) / size)} ${unit}`);
  return parts.slice(first, first + 2).join(' ');
}

const PHRASES = {
  when: (left) => (left > 0 ? `in ${span(left)}` : `${span(-left)} ago`),
  expiry: (left) => `${left > 0 ? 'Expires' : 'Expired'} ${PHRASES.when(left)}`,
  wait: (left) => (left > 0 ? `Try again in ${span(left)}.` : 'You can try again now.'),
};

export const counting = (moment, phrase = 'when') => el('span', { 'data-moment': moment, 'data-phrase': phrase }, PHRASES[phrase](moment - now()));

export function tick() {
  for (const text of $$('[data-moment]')) {
    const words = PHRASES[text.dataset.phrase](text.dataset.moment - now());
    if (text.textContent !== words) text.textContent = words;
  }
}
