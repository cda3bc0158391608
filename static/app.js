// The page: four areas over one session, and a log of everything asked. Its parts are the modules in page/.

import * as account from './page/account.js';
import * as admin from './page/admin.js';
import { clear, say } from './page/action.js';
import { alone, watch } from './page/api.js';
import { $, $$, announce, button } from './page/dom.js';
import * as inspector from './page/inspector.js';
import * as lesson from './page/lesson.js';
import { remember } from './page/log.js';
import { claims, own, restore } from './page/session.js';
import { counting, tick } from './page/time.js';
import { renderPass } from './page/tokens.js';

const OPENED = { account, admin }; // they ask for something when opened

let known; // the session that the page tells of
let left;

/** Leaves nothing of a session that is over to whoever comes next: of the log its headlines alone. */
function forget() {
  $$('.outcome, #inspector').forEach(clear);
  $$('.rows').forEach((table) => table.parentNode.replaceChildren());
  $$('form').forEach((form) => form.reset());
  $$('#history li').forEach((entry) => entry.replaceChildren($('.line', entry)));
  lesson.renderCurls();
}

/** What was typed while nobody was signed in goes when the page is left alone. */
function touch() {
  clearTimeout(left);
  left = setTimeout(() => own.session || forget(), 300_000);
}

function render() {
  const { session, old, done, kept } = own;
  const { username = 'a user', exp, sid } = claims();
  if (known && known !== sid) {
    forget();
    if (kept) account.askWhoIsKept(); // the cookie may have been of that session
  }
  known = sid;
  const none = old ? 'Removed. The server refuses it now.' : 'None yet. It appears here when you log in.';
  $('#who').replaceChildren(...(session ? [`Signed in as ${username} · `, counting(exp, 'expiry'), leave]
    : [kept ? `Signed in as ${kept}` : 'Not signed in']));
  renderPass($('#access'), 'Access token', session?.access, none);
  renderPass($('#refresh-token'), 'Refresh token', session?.refresh, none);
  $$('.in').forEach((part) => { part.hidden = !session; });
  $$('.out').forEach((part) => { part.hidden = session; });
  $('[href="#admin"]').hidden = !admin.isAdmin();
  $('#refused').hidden = !old;
  const next = lesson.STEPS.find((step) => !done.includes(step));
  for (const step of lesson.STEPS) $(`#${step}`).dataset.state = done.includes(step) ? 'done' : step === next ? 'next' : '';
  lesson.renderCurls();
  show();
}

const leave = button('Log out', async () => announce((await lesson.run('logout')).ok ? 'Logged out.' : 'Still logged in: see the log below.'), 'small');

/** Shows the area that the address names, or that holds what it names. */
function show() {
  lesson.takeCode();
  const named = document.getElementById(location.hash.slice(1));
  const found = named?.closest('.area') ?? $('#learn');
  const area = found.id === 'admin' && !admin.isAdmin() ? $('#learn') : found;
  if (area !== found) say($('[data-curl=login]'), 'Log in as an administrator first.');
  if (area.matches('.shown')) return;
  for (const one of $$('.area')) {
    one.hidden = one !== area;
    one.classList.toggle('shown', one === area);
    $(`.areas [href="#${one.id}"]`).ariaCurrent = one === area ? 'page' : null;
  }
  OPENED[area.id]?.open();
  if (named === area) $('h1', area).focus();
  named?.scrollIntoView();
}

watch(remember);
for (const part of $$('section, aside')) part.ariaLabel ??= $('h2', part).textContent;
for (const part of [lesson, inspector, account, admin]) part.start();
if (alone) $('#until').textContent = 'you reload it';
restore(render);
account.askWhoIsKept();
addEventListener('hashchange', show);
window.oninput = touch;
window.onclick = touch;
setInterval(tick, 1000);
