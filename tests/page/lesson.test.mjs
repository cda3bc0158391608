// The four steps of the page, by mouse and by keyboard, as somebody sees them who has never met a token.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, answered, ask, button, click, copied, copyCurl, fitsItsWidth, go, isAccessible, log, logIn, newName, newcomer, open, origin,
  register, registerAndLogIn, setUp, step, stored, tabTo, tokensOf } from './head.mjs';

setUp();
const pass = (page, title) => page.getByRole('complementary', { name: 'Your tokens' }).getByRole('article').filter({ has: page.getByRole('heading', { name: title }) });

test('register, log in, test, refresh, log out, refused', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await page.getByText(`Signed in as ${name} · Expires in`).waitFor();
  const access = pass(page, 'Access token');
  const refresh = pass(page, 'Refresh token');
  await access.getByText('fresh', { exact: true }).first().waitFor();
  await access.getByText(/^Expires in 1[45] min/).waitFor();
  await refresh.getByText(/^Expires in (30 d|29 d 23 h)/).waitFor();
  for (const claim of ['iss', 'iat', 'nbf', 'exp', 'sub', 'jti', 'type', 'fresh', 'sid', 'username', 'roles', 'alg', 'kid', 'typ']) {
    await access.getByRole('rowheader', { name: claim, exact: true }).waitFor();
  }
  await refresh.getByText('What it says').click();
  await refresh.getByRole('rowheader', { name: 'ctr', exact: true }).waitFor();

  await click(page, 'test', 'Call /test', 200);
  await step(page, 'Call the protected route').getByText('"message": "Auth Checked"').waitFor();
  await step(page, 'Call the protected route').getByText('x-request-id').waitFor();

  const before = await tokensOf(page);
  await click(page, 'refresh', 'Refresh', 200);
  const now = await tokensOf(page);
  assert.notEqual(now.access, before.access);
  assert.notEqual(now.refresh, before.refresh);
  await access.getByText('not fresh', { exact: true }).waitFor();
  await access.getByRole('row', { name: /^jti.*new/ }).waitFor();

  await click(page, 'logout', 'Log out', 200);
  await page.getByText('Not signed in').waitFor();
  assert.deepEqual(await stored(page), { session: {}, local: {}, cookies: '' });
  await click(page, 'oldAccess', 'See it refused', 401);
  await step(page, 'Log out').getByText('"error": "token_revoked"').waitFor();
  await step(page, 'Log out').getByText('www-authenticate').first().waitFor();
  await click(page, 'oldRefresh', 'Try the old refresh token', 401);

  const lines = (await log(page).allTextContents()).map((line) => /^(\w+ \S+?)(\d{3}) /.exec(line).slice(1).join(' ')).reverse();
  assert.deepEqual(lines, ['POST /register 201', 'POST /login 200', 'GET /test 200', 'POST /refresh 200',
    'POST /logout 200', 'GET /test 401', 'POST /refresh 401']);
});

test('the other questions', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  const call = step(page, 'Call the protected route');
  await call.getByText('Other things to ask').click();
  await click(page, 'me', 'Who am I?', 200);
  await call.getByText(`The token speaks for ${name}`).waitFor();
  await click(page, 'bare', 'Call /test without a token', 401);
  await call.getByText('"error": "authorization_required"').waitFor();
});

test('the server’s complaints stand beside the fields they are about', async (t) => {
  const page = await open(t);
  const form = step(page, 'Register');
  await click(form, 'register', 'Register', 422);
  for (const label of ['Username', 'Password']) {
    const input = form.getByLabel(label, { exact: true });
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    const fault = (await input.getAttribute('aria-describedby')).split(' ').pop();
    assert.notEqual(await page.locator(`#${fault}`).textContent(), '');
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), 'register-username');
  await isAccessible(page, 'with faults');

  const name = await register(page);
  assert.equal(await page.locator('#register-username-fault').textContent(), '');
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await click(form, 'register', 'Register', 409);
  await form.locator('#register-username-fault').getByText('Username already exist', { exact: true }).waitFor();

  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill('not my password');
  await click(page, 'login', 'Log in', 401);
  await step(page, 'Log in').getByText('Invalid credentials', { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'login-password');
});

test('one logs out at the top of the page, in any area', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const { access } = await tokensOf(page);
  await go(page, 'Account');
  await button(page.getByRole('banner'), 'Log out').click();
  await page.getByText('Logged out.', { exact: true }).waitFor();
  await page.getByText('Not signed in').waitFor();
  assert.equal((await ask('GET', '/test', { bearer: access })).status, 401);

  await go(page, 'Step by step');
  await registerAndLogIn(page);
  page.expected = /^Failed to load resource/;
  await page.route('**/logout', (route) => route.abort('connectionrefused'), { times: 1 });
  await go(page, 'Inspector');
  await button(page.getByRole('banner'), 'Log out').click();
  await page.getByText('Still logged in').waitFor();
  await page.getByRole('banner').getByText('Signed in as').waitFor();
});

test('the keyboard alone is enough', async (t) => {
  const page = await open(t);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to step 1');
  await page.keyboard.press('Enter');
  await tabTo(page, '#login-username'); // whoever has an account comes first
  await tabTo(page, '#register-username');
  await page.keyboard.type(newName());
  await tabTo(page, '#register-password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await answered(page, 'register', 201);
  await page.keyboard.press('Enter'); // the focus went on to "Log in", both fields filled in
  await answered(page, 'login', 200);
  await page.keyboard.press('Enter'); // and to "Call /test"
  await answered(page, 'test', 200);
  await tabTo(page, '[data-action=refresh] > button');
  await page.keyboard.press('Enter');
  await answered(page, 'refresh', 200);
  await tabTo(page, '[data-action=logout] > button');
  await page.keyboard.press('Space');
  await answered(page, 'logout', 200);
  await tabTo(page, '[data-action=oldAccess] > button');
  await page.keyboard.press('Space');
  await answered(page, 'oldAccess', 401);
});

test('a reload keeps the session, a new tab does not have it', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await page.reload();
  await page.getByText(`Signed in as ${name}`).waitFor();
  await click(page, 'test', 'Call /test', 200);
  const other = await page.context().newPage();
  await other.goto(origin());
  await other.getByText('Not signed in').waitFor();
  assert.deepEqual((await stored(page)).local, {});
});

test('a session that ended elsewhere is let go', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const { refresh } = await tokensOf(page);
  await fetch(`${origin()}/logout`, { method: 'POST', headers: { Authorization: `Bearer ${refresh}` } });
  await click(page, 'refresh', 'Refresh', 401);
  await page.getByText('Not signed in').waitFor();
  assert.deepEqual((await stored(page)).session, {});
});

test('an expired access token is shown as such, and logging out still works', async (t) => {
  const page = await open(t);
  await page.clock.install();
  await registerAndLogIn(page);
  await page.clock.fastForward('16:00');
  await pass(page, 'Access token').getByText(/^Expired \d+ (s|min)/).waitFor();
  await click(page, 'logout', 'Log out', 200); // with the refresh token, which lives on
  await click(page, 'oldRefresh', 'Try the old refresh token', 401);
});

test('a password is dots and told by a click, in the field and in the curl command', async (t) => {
  const page = await open(t);
  const form = step(page, 'Register');
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  const shown = page.locator('[data-shows=register] pre');
  assert.doesNotMatch(await shown.textContent(), /kettle/);
  assert.match(await copyCurl(page, 'register'), /kettle/);
  await button(form, 'Show secrets').click();
  assert.match(await shown.textContent(), /kettle/);
  await form.getByLabel('Show password').check();
  assert.equal(await form.getByLabel('Password', { exact: true }).getAttribute('type'), 'text');
});

test('a token is copied whole', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const access = pass(page, 'Access token');
  await access.getByText('What is sent').click();
  assert.equal(await copied(page, button(access, 'Copy token')), (await tokensOf(page)).access);
});

test('markup in a name is shown as text', async (t) => {
  const page = await open(t);
  const { username } = await newcomer();
  const markup = '<img src=x onerror="globalThis.hurt = true"><b id=hurt>';
  await page.route('**/me', (route) => route.fulfill({ json: { id: 1, username: markup } }));
  await logIn(page, username);
  await page.getByText('Other things to ask').click();
  await click(page, 'me', 'Who am I?', 200);
  await page.getByText(`The token speaks for ${markup}`).waitFor();
  assert.equal(await page.locator('#hurt').count(), 0);
  await fitsItsWidth(page);
});
