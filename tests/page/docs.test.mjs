// The API reference in a real browser against the real server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PASSWORD, PHONE, fitsItsWidth, isAccessible, newcomer, open as openAt, origin, screenshots, setUp } from './head.mjs';

setUp();
const MOST_BYTES = 25 * 1024;

/** Opens the reference, and waits until it has read the document. */
async function open(t, { path = '/docs', ...options } = {}) {
  const page = await openAt(t, options, origin() + path);
  await page.getByText(/^\d+ routes$/).waitFor();
  return page;
}

const operation = (page, id) => page.locator(`details#${id}`);

const answer = (shown, text) => shown.getByRole('group', { name: 'Answer' }).getByText(text).waitFor();

async function unfold(page, id) {
  await operation(page, id).locator('summary').first().click();
  return operation(page, id);
}

test('every operation of the document is shown, with what it takes and answers', async (t) => {
  const page = await open(t);
  const { paths } = await (await fetch(`${origin()}/openapi.json`)).json();
  const operations = Object.values(paths).flatMap((item) => Object.values(item));
  assert.equal(await page.locator('.operation').count(), operations.length);
  for (const { operationId, summary } of operations) {
    const shown = await unfold(page, operationId);
    await shown.getByText(summary, { exact: true }).waitFor();
    await shown.getByRole('table', { name: 'Answers' }).waitFor();
    await shown.getByRole('button', { name: /^Send / }).waitFor();
  }
  const register = operation(page, 'register');
  await register.getByRole('rowheader', { name: 'password needed' }).waitFor();
  await register.getByText('username_taken', { exact: true }).waitFor();
  assert.equal(JSON.parse(await register.getByLabel(/^Body/).inputValue()).username, 'arun');
  await page.getByText('integer, from 1, up to 100, else 100').first().waitFor();
  assert.ok(!(await page.locator('body').textContent()).includes('up to 18446744'), 'no limit that JavaScript has rounded');
});

test('a search by path, by word and by error leaves what fits', async (t) => {
  const page = await open(t);
  const left = async (text) => {
    await page.getByLabel('Search', { exact: true }).fill(text);
    return page.locator('.operation:visible').evaluateAll((all) => all.map((one) => one.id));
  };
  assert.deepEqual(await left('/test'), ['test']);
  assert.deepEqual(await left('username_taken'), ['register', 'setUp', 'addUser']);
  assert.deepEqual((await left('invite delete')), ['deleteInvite']);
  assert.deepEqual(await left('no such thing'), []);
  await page.getByText(/^0 of \d+ routes$/).waitFor();
  assert.equal(await page.locator('.noun:visible').count(), 0);
});

test('GET /test is sent without a token and refused, and with one answered', async (t) => {
  const page = await open(t);
  const shown = await unfold(page, 'test');
  const send = shown.getByRole('button', { name: 'Send GET /test' });
  await send.click();
  await answer(shown, '"error": "authorization_required"');
  const { access_token: token } = await newcomer();
  await page.getByLabel('Access token, refresh token or service key').fill(token);
  await send.click();
  await answer(shown, '"message": "Auth Checked"');
  await shown.getByText(/^200 after \d+ ms/).waitFor();
  await answer(shown, /x-request-id: [0-9a-f]{32}/);
});

test('one logs in there, and sends bodies, paths and queries', async (t) => {
  const page = await open(t);
  const { username } = await newcomer();
  await page.getByText('Get one: log in').click();
  await page.getByLabel('Username', { exact: true }).fill(username);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByText(/^Logged in; the token is good for 15 minutes/).waitFor();
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '');

  const health = await unfold(page, 'health');
  const asked = page.waitForRequest('**/health');
  await health.getByRole('button', { name: /^Send/ }).click();
  assert.equal((await asked).headers().authorization, undefined, 'no token goes where none is wanted');

  const user = await unfold(page, 'user');
  await user.getByLabel('id (path)').fill('4711');
  await user.getByRole('button', { name: /^Send/ }).click();
  await answer(user, /"error": "(not_found|forbidden)"/);

  const logout = await unfold(page, 'logOut');
  await logout.getByLabel('scope (query)').fill('everything');
  await logout.getByRole('button', { name: /^Send/ }).click();
  await answer(logout, 'Must be one of: local, others, global.');

  const change = await unfold(page, 'changePassword');
  await change.getByLabel(/^Body/).fill(JSON.stringify({ current_password: PASSWORD, new_password: 'another blue kettle' }));
  await change.getByRole('button', { name: /^Send/ }).click();
  await answer(change, 'Password has been changed successfully');

  const revoke = await unfold(page, 'revoke');
  await revoke.getByRole('button', { name: /^Send/ }).click();
  await revoke.getByText(/^200 after/).waitFor();
});

test('an answer with markup in it is shown as text', async (t) => {
  const page = await open(t);
  const markup = '<img src=x onerror="globalThis.hurt = true"><b id=hurt>';
  await page.route('**/test', (route) => route.fulfill({ status: 200, contentType: 'text/html', body: markup }));
  const shown = await unfold(page, 'test');
  await shown.getByRole('button', { name: /^Send/ }).click();
  await answer(shown, markup);
  assert.equal(await page.locator('#hurt').count(), 0);
});

test('an address that names an operation opens it', async (t) => {
  const page = await open(t, { path: '/docs#logIn' });
  await operation(page, 'logIn').getByRole('button', { name: 'Send POST /login' }).waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing, folded and unfolded, wide and narrow, ${colorScheme}`, async (t) => {
    const page = await open(t, { colorScheme });
    await isAccessible(page, 'folded');
    for (const id of ['register', 'logOut', 'addKey', 'test', 'listEvents']) await unfold(page, id);
    await operation(page, 'test').getByRole('button', { name: /^Send/ }).click();
    await answer(operation(page, 'test'), 'authorization_required');
    await isAccessible(page, 'unfolded');
    await page.screenshot({ path: `${screenshots}docs-${colorScheme}.png` });
    await page.setViewportSize(PHONE);
    await fitsItsWidth(page);
    await isAccessible(page, 'narrow');
    await page.screenshot({ path: `${screenshots}docs-narrow-${colorScheme}.png` });
  });
}

test('with the keyboard alone one searches, unfolds and sends', async (t) => {
  const page = await open(t);
  const focused = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.id);
  const tabTo = async (pattern) => {
    for (let i = 0; i < 60; i += 1) {
      if (pattern.test(await focused())) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not reach ${pattern}`);
  };
  await tabTo(/^search$/);
  await page.keyboard.type('/health');
  await tabTo(/^GET \/health/);
  await page.keyboard.press('Enter');
  await tabTo(/^Send GET \/health/);
  await page.keyboard.press('Enter');
  await answer(operation(page, 'health'), '"status": "ok"');
});

test('the reference weighs at most 25 KiB, and names no other host', () => {
  const files = ['docs.html', 'docs.js', 'docs.css'].map((name) => readFileSync(new URL(`../../static/${name}`, import.meta.url), 'utf8'));
  const bytes = files.join('').length;
  console.log(`the reference: ${bytes} bytes`);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  assert.doesNotMatch(files.join(''), /https?:|innerHTML|outerHTML|insertAdjacentHTML/);
});
