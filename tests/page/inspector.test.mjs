// The inspector: tokens of all kinds, judged by this server only.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answered, ask, button, go, log, newcomer, open, origin, registerAndLogIn, setUp, tokensOf } from './head.mjs';

setUp();

/** Pastes a token and takes it apart; resolves to the verdict, and to what the page asked on the way. */
async function inspect(page, token) {
  const asked = [];
  const note = (request) => { if (!request.url().endsWith('.svg')) asked.push(`${request.method()} ${new URL(request.url()).pathname}`); };
  page.on('request', note);
  await page.locator('[data-curl=inspect]').getByRole('status').evaluate((verdict) => { verdict.textContent = ''; });
  await page.getByLabel('Token', { exact: true }).fill(token);
  await button(page, 'Take it apart').click();
  await answered(page, 'inspect', '\\S');
  page.off('request', note);
  return { verdict: await page.locator('[data-curl=inspect]').getByRole('status').textContent(), asked };
}

/** A token with another payload and the old signature. */
function tampered(token, change) {
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  return [header, Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url'), signature].join('.');
}

test('a good token is taken apart, explained and found good', async (t) => {
  const page = await open(t, {}, `${origin()}/#inspect`);
  const { access_token: token, username } = await newcomer();
  const { verdict, asked } = await inspect(page, `  Bearer ${token}\n`);
  assert.match(verdict, /^200 OK Good/);
  assert.deepEqual(asked, ['GET /test']);
  const claims = page.locator('#inspector');
  await claims.getByRole('row', { name: new RegExp(`^username ${username} The name of the user`) }).waitFor();
  await claims.getByRole('row', { name: /^exp \d+ .* in 1[45] min .* It expires then/ }).waitFor();
  await claims.getByRole('row', { name: /^alg ES256 How it is signed/ }).waitFor();
});

test('a revoked and a tampered token are told apart', async (t) => {
  const page = await open(t, {}, `${origin()}/#inspect`);
  const { access_token: token } = await newcomer();
  assert.match((await inspect(page, tampered(token, { roles: ['admin'] }))).verdict, /^401 Unauthorized This token was changed/);
  await page.locator('#inspector').getByRole('row', { name: /^roles \["admin"\]/ }).waitFor(); // shown all the same
  await ask('POST', '/logout', { bearer: token });
  assert.match((await inspect(page, token)).verdict, /^401 Unauthorized This token was taken back/);
});

test('an expired token is named so', async (t) => {
  const page = await open(t, {}, `${origin()}/#inspect`);
  const { access_token: token } = await newcomer();
  // Only the server's word counts; here it is made to say what it says after 15 minutes.
  await page.route('**/test', (route) => route.fulfill({ status: 401, json: { code: 401, status: 'Unauthorized', error: 'token_expired', message: 'The token has expired.' } }));
  assert.match((await inspect(page, tampered(token, { exp: 1_700_000_000 }))).verdict, /^401 Unauthorized This token’s time is over/);
  await page.locator('#inspector').getByRole('row', { name: /^exp 1700000000 .* ago/ }).waitFor();
});

test('a refresh token is judged by its times, and not sent', async (t) => {
  const page = await open(t, {}, `${origin()}/#inspect`);
  const { refresh_token: token } = await newcomer();
  const good = await inspect(page, token);
  assert.match(good.verdict, /^A refresh token\. Its time is not over/);
  const over = await inspect(page, tampered(token, { exp: 1_700_000_000 }));
  assert.match(over.verdict, /^A refresh token\. Its time is over/);
  assert.deepEqual([...good.asked, ...over.asked], []);
  assert.equal((await ask('POST', '/refresh', { bearer: token })).status, 200); // unspent
});

test('what is no token is not sent either', async (t) => {
  const page = await open(t, {}, `${origin()}/#inspect`);
  for (const text of ['', 'hello', 'a.b', 'a.b.c', 'e30.e30.x.y', 'bnVsbA.bnVsbA.', 'e30.ZQ.', '<img src=x>.<b>.', 'ü.ü.ü']) {
    const { verdict, asked } = await inspect(page, text);
    assert.match(verdict, /^Not a token\./, text);
    assert.deepEqual(asked, [], text);
  }
  assert.equal(await log(page).count(), 0);
});

test('one’s own tokens are a click away, once there are some', async (t) => {
  const page = await open(t);
  await go(page, 'Inspector');
  assert.equal(await button(page, 'My access token').isVisible(), false);
  await go(page, 'Step by step');
  await registerAndLogIn(page);
  await go(page, 'Inspector');
  await button(page, 'My access token').click();
  await answered(page, 'inspect', '200');
  await button(page, 'My refresh token').click();
  await answered(page, 'inspect', 'A refresh token');
  assert.equal(await page.getByLabel('Token', { exact: true }).inputValue(), (await tokensOf(page)).refresh);
});
