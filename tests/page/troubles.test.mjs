// What the page says when things go wrong around it, and how several tabs share a session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, answered, ask, button, click, duplicate, mustWait, open, origin, registerAndLogIn, screenshots, setUp, setupLink, step, stored, tokensOf, watched } from './head.mjs';

setUp(['--setup-link']);

test('a server out of reach, an offline device, a busy server, a wait and a stranger are told apart', async (t) => {
  const page = await open(t);
  page.expected = /^Failed to load resource/;
  await registerAndLogIn(page);
  const call = step(page, 'Call the protected route');
  const answer = (reply) => page.route('**/test', reply, { times: 1 });

  await answer((route) => route.abort('connectionrefused'));
  await click(page, 'test', 'Call /test', 'No answer');
  await call.getByText(`The server at ${origin()} does not answer.`).waitFor();

  await page.context().setOffline(true);
  await click(page, 'test', 'Call /test', 'No answer');
  await call.getByText('This device is offline.').waitFor();
  await page.context().setOffline(false);

  await answer((route) => route.fulfill({ status: 503, headers: { 'Retry-After': '90' }, json: { code: 503, status: 'Service Unavailable', error: 'overloaded', message: 'Busy.' } }));
  await click(page, 'test', 'Call /test', 503);
  await call.getByText('The server has more to do than it can. Busy.').waitFor();
  await call.getByText(/^Try again in 1 min \d+ s\.$/).waitFor();

  await answer((route) => route.fulfill({ status: 429, headers: { 'Retry-After': '6' }, json: { code: 429, status: 'Too Many Requests', error: 'too_many_requests', message: 'Wait.' } }));
  await click(page, 'test', 'Call /test', 429);
  await call.getByText('Too many attempts').waitFor();
  await call.getByText(/^Try again in [1-6] s\.$/).waitFor();
  await call.getByText('You can try again now.').waitFor();

  await answer((route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<script>document.title = "taken over"</script>' }));
  await click(page, 'test', 'Call /test', 200);
  await call.getByText('This answer is not Doorward’s.').waitFor();
  await call.getByText('<script>document.title').waitFor(); // as text
  assert.notEqual(await page.title(), 'taken over');

  await click(page, 'test', 'Call /test', 200);
  await call.getByText('The server checked the token').waitFor();
});

test('the server’s own wait is counted down', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
  await mustWait(name);
  await click(page, 'login', 'Log in', 429);
  await step(page, 'Log in').getByText(/^Try again in \d+ s\.$/).waitFor();
});

test('two tabs that refresh at once ask once, and both go on', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const other = await duplicate(t, page);
  const asked = [];
  page.context().on('request', (request) => { if (request.url().endsWith('/refresh')) asked.push(request.url()); });
  await Promise.all([page, other].map((tab) => button(tab, 'Refresh').click()));
  await Promise.all([page, other].map((tab) => answered(tab, 'refresh', '(200|Another tab was first)')));
  assert.equal(asked.length, 1);
  assert.deepEqual(await tokensOf(page), await tokensOf(other));
  for (const tab of [page, other]) await click(tab, 'test', 'Call /test', 200);
});

test('a tab in the background keeps up when another rotates, again and again', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const other = await duplicate(t, page);
  const { refresh: first } = await tokensOf(page);
  for (let i = 0; i < 3; i += 1) await click(page, 'refresh', 'Refresh', 200); // three on: no grace for the first
  const { refresh: last } = await tokensOf(page);
  assert.notEqual(first, last);
  await other.waitForFunction((wanted) => JSON.parse(sessionStorage.getItem('doorward.session')).session.refresh === wanted, last);
  await click(other, 'refresh', 'Refresh', 200);
  await click(other, 'test', 'Call /test', 200);
});

test('a tab that comes back with an old pair is given the new one before it does harm', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const old = (await stored(page)).session['doorward.session'];
  for (let i = 0; i < 3; i += 1) await click(page, 'refresh', 'Refresh', 200);
  const other = await watched(t, await page.context().newPage());
  await other.addInitScript((value) => { sessionStorage.getItem('doorward.session') ?? sessionStorage.setItem('doorward.session', value); }, old);
  await other.goto(origin());
  await other.waitForFunction((wanted) => JSON.parse(sessionStorage.getItem('doorward.session')).session.refresh === wanted, (await tokensOf(page)).refresh);
  await click(other, 'refresh', 'Refresh', 200);
});

test('who logs out in one tab is logged out in the other', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const other = await duplicate(t, page);
  await click(page, 'logout', 'Log out', 200);
  await other.getByText('Not signed in').waitFor();
  assert.deepEqual((await stored(other)).session, {});
});

test('a set-up link makes the first administrator, once, and leaves the address bar', async (t) => {
  const link = await setupLink();
  const page = await open(t, {}, link);
  assert.equal(await page.evaluate(() => location.hash), '#setup');
  const setup = step(page, 'Set up');
  await setup.getByLabel('Username').fill('boss');
  await setup.getByLabel('Password', { exact: true }).fill('short');
  await click(page, 'setup', 'Become the administrator', 422);
  await setup.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.screenshot({ path: `${screenshots}setup.png` });
  await click(page, 'setup', 'Become the administrator', 201);
  await click(page, 'login', 'Log in', 200);
  const { body } = await ask('GET', '/me', { bearer: (await tokensOf(page)).access });
  assert.deepEqual(body.roles, ['admin']);

  const late = await open(t, {}, link);
  await step(late, 'Set up').getByLabel('Username').fill('thief');
  await step(late, 'Set up').getByLabel('Password', { exact: true }).fill(PASSWORD);
  await click(late, 'setup', 'Become the administrator', 401);
  assert.match(await late.locator('[data-curl=setup]').getByRole('status').textContent(), /was used, or its 30 minutes are over/);
});

test('without a set-up link nothing of it is shown', async (t) => {
  const page = await open(t);
  assert.equal(await page.locator('#setup').isVisible(), false);
});
