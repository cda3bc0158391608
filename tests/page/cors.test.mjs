// Apps of other origins in Chromium: one that is listed does all with tokens and nothing with the cookie; one that is not does nothing.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { PASSWORD, launch, newName } from './head.mjs';
import { startServer } from './server.mjs';

let api;
let browser;
let listed;
let stranger;

/** An app of its own origin: a page, and nothing behind it. */
async function startApp() {
  const app = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>App</title>'));
  await new Promise((done) => app.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${app.address().port}`, stop: () => app.close() };
}

before(async () => {
  [listed, stranger] = await Promise.all([startApp(), startApp()]);
  [api, browser] = await Promise.all([startServer([], { CORS_ORIGINS: listed.origin }), launch()]);
});
after(async () => {
  await browser?.close();
  await api?.stop();
  [listed, stranger].forEach((app) => app?.stop());
});

/** What a script of a page is told when it asks the server; `refused` when the browser tells it nothing. */
const ask = (page, method, path, { json, bearer, headers, ...more } = {}) => page.evaluate(async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    const shown = Object.fromEntries(answer.headers);
    return { status: answer.status, shown, body: answer.type === 'opaque' ? null : await answer.json() };
  } catch (error) {
    return { refused: error.name };
  }
}, [api.origin + path, {
  method, ...more,
  headers: { ...(json && { 'Content-Type': 'application/json' }), ...(bearer && { Authorization: `Bearer ${bearer}` }), ...headers },
  ...(json && { body: JSON.stringify(json) }),
}]);

/** A page of each of these, in one browser of one person. */
async function open(t, ...addresses) {
  const context = await browser.newContext();
  t.after(() => context.close());
  return Promise.all(addresses.map(async (address) => {
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }));
}

const REFUSED = { refused: 'TypeError' };

test('a listed app registers, logs in, calls, refreshes and logs out, and reads what it is refused', async (t) => {
  const [page] = await open(t, listed.origin);
  const json = { username: newName(), password: PASSWORD };
  const made = await ask(page, 'POST', '/register', { json });
  assert.deepEqual([made.status, /^\/user\/\d+$/.test(made.shown.location)], [201, true]);
  const first = await ask(page, 'POST', '/login', { json });
  assert.equal(first.status, 200);
  const call = await ask(page, 'GET', '/test', { bearer: first.body.access_token });
  assert.deepEqual([call.status, call.body, call.shown['x-request-id'].length], [200, { message: 'Auth Checked' }, 32]);
  assert.equal((await ask(page, 'GET', '/me', { bearer: first.body.access_token })).body.username, json.username);
  const second = await ask(page, 'POST', '/refresh', { bearer: first.body.refresh_token });
  assert.equal(second.status, 200);
  const bearer = second.body.access_token;
  const unlike = await ask(page, 'PUT', '/me/password', { bearer, json: { current_password: PASSWORD, new_password: PASSWORD } });
  assert.deepEqual([unlike.status, unlike.body.error], [401, 'fresh_token_required']);
  assert.match(unlike.shown['www-authenticate'], /invalid_token/);
  const wrong = await ask(page, 'POST', '/login', { json: { ...json, password: 'not my password' } });
  assert.deepEqual([wrong.status, wrong.body.error], [401, 'invalid_credentials']);
  assert.equal((await ask(page, 'POST', '/login', { json: {} })).status, 422);
  assert.equal((await ask(page, 'POST', '/login', { json: { username: 'x'.repeat(20_000), password: '' } })).status, 413);
  const { body: { sessions } } = await ask(page, 'GET', '/me/sessions', { bearer });
  assert.equal((await ask(page, 'DELETE', `/me/sessions/${sessions[0].id}x`, { bearer })).status, 404);
  assert.equal((await ask(page, 'POST', '/logout', { bearer })).status, 200);
  assert.equal((await ask(page, 'GET', '/test', { bearer })).body.error, 'token_revoked');
});

test('an app that is not listed is told nothing, but what is public', async (t) => {
  const [page, friend] = await open(t, stranger.origin, listed.origin);
  const json = { username: newName(), password: PASSWORD };
  assert.deepEqual(await ask(page, 'POST', '/register', { json }), REFUSED);
  assert.equal((await ask(friend, 'POST', '/register', { json })).status, 201, 'its request was not even sent');
  const { body: { access_token: bearer } } = await ask(friend, 'POST', '/login', { json });
  assert.deepEqual(await ask(page, 'POST', '/login', { json }), REFUSED);
  assert.deepEqual(await ask(page, 'GET', '/test', { bearer }), REFUSED);
  assert.deepEqual(await ask(page, 'GET', '/health'), REFUSED);
  assert.deepEqual(await ask(page, 'GET', '/health', { mode: 'no-cors' }), REFUSED, 'Cross-Origin-Resource-Policy');
  assert.equal((await ask(page, 'GET', '/.well-known/jwks.json')).body.keys.length, 1);
  assert.equal((await ask(page, 'GET', '/.well-known/jwks.json', { mode: 'no-cors' })).status, 0, 'opaque, and not refused');
  assert.equal((await ask(page, 'GET', '/openapi.json')).body.openapi, '3.1.0');
});

test('a listed app has nothing of the cookie of a browser that stays signed in', async (t) => {
  const [page, own] = await open(t, listed.origin, api.origin);
  const json = { username: newName(), password: PASSWORD, keep_signed_in: true };
  const { username, password } = json;
  assert.equal((await ask(own, 'POST', '/register', { json: { username, password } })).status, 201);
  assert.equal((await ask(page, 'POST', '/login', { json })).status, 200);
  assert.deepEqual(await page.context().cookies(), [], 'it can log in, and is given no cookie');
  assert.deepEqual(await ask(page, 'POST', '/login', { json, credentials: 'include' }), REFUSED);
  assert.deepEqual(await page.context().cookies(), []);

  const { body: { access_token: bearer } } = await ask(own, 'POST', '/login', { json });
  assert.equal((await page.context().cookies()).length, 1, 'of the same site, for ports do not count');
  const credentials = 'include';
  assert.deepEqual(await ask(page, 'GET', '/verify', { credentials }), REFUSED);
  assert.deepEqual(await ask(page, 'GET', '/verify', { bearer }), REFUSED);
  assert.deepEqual(await ask(page, 'POST', '/logout', { credentials }), REFUSED);
  const headers = { 'X-CSRF-Token': '1' };
  assert.deepEqual(await ask(page, 'POST', '/logout', { headers, credentials }), REFUSED);
  assert.deepEqual(await ask(page, 'POST', '/logout', { headers }), REFUSED);
  assert.deepEqual(await ask(page, 'GET', '/test', { bearer, credentials }), REFUSED);
  assert.equal((await ask(own, 'GET', '/verify')).status, 200, 'nobody was logged out');
  assert.equal((await ask(own, 'POST', '/logout', { headers })).status, 200);
});
