// The log of requests: what it tells, what only by a click, and its commands, which are run for real.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { PASSWORD, ask, button, click, copied, copyCurl, log, newName, open, registerAndLogIn, setUp, step, tokensOf } from './head.mjs';

setUp();
const run = async (...command) => (await promisify(execFile)(command[0], command.slice(1))).stdout;

/** Opens the entry of the last such request. */
async function entry(page, text) {
  const found = log(page).filter({ hasText: text }).first();
  await found.locator('summary').click();
  return found;
}

test('an entry tells method, path, status and time; the secrets by a click only', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const { access, refresh } = await tokensOf(page);
  const shown = await entry(page, 'POST /login');
  assert.match(await shown.locator('summary').textContent(), /^POST \/login200 OK.+ · \d+ ms$/);
  const before = await log(page).allTextContents();
  for (const secret of [PASSWORD, access, refresh]) assert.ok(!before.join('').includes(secret));
  for (const text of ['POST /login HTTP/1.1', 'Content-Type: application/json', 'HTTP/1.1 200 OK', 'content-security-policy:']) {
    await shown.getByText(text).first().waitFor();
  }
  const [asked, got] = await shown.locator('pre').all();
  await button(shown, 'Show secrets').first().click();
  assert.ok((await asked.textContent()).includes(PASSWORD));
  await button(shown, 'Show secrets').last().click();
  assert.ok((await got.textContent()).includes(access));
  await button(shown, 'Show secrets').last().click();
  assert.ok(!(await got.textContent()).includes(access));
});

test('requests of all kinds copied as curl, fetch and Python ask the same', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page); // the password has a single quote
  await click(page, 'test', 'Call /test', 200);
  const say = { curl: (text) => run('sh', '-c', text), fetch: (text) => run('node', '--input-type=module', '-e', text), Python: (text) => run('python3', '-c', text) };
  const login = await entry(page, 'POST /login');
  const called = await entry(page, 'GET /test');
  for (const [language, send] of Object.entries(say)) {
    const copy = (shown) => copied(page, button(shown, `Copy as ${language}`));
    if (language === 'Python' && !(await run('python3', '-c', 'import requests').then(() => true, () => false))) {
      t.diagnostic('Python’s requests is not installed: its command was not run');
      continue;
    }
    assert.match(await send(await copy(login)), /200[\s\S]*"refresh_token":"ey/, language);
    assert.match(await send(await copy(called)), /200[\s\S]*{"message":"Auth Checked"}/, language);
  }
  assert.match(await copied(page, button(login, 'Copy as Python')), new RegExp(`requests.request\\('POST'[\\s\\S]*${name}`));
});

test('the curl commands beside the buttons work as they are copied', async (t) => {
  const page = await open(t);
  const name = newName();
  const curl = async (action) => run('sh', '-c', await copyCurl(page, action));
  for (const [form, action] of [['Register', 'register'], ['Log in', 'login']]) {
    await step(page, form).getByLabel('Username').fill(name);
    await step(page, form).getByLabel('Password', { exact: true }).fill(PASSWORD);
    assert.match(await curl(action), action === 'register' ? /^HTTP\/1.1 201 / : /^HTTP\/1.1 200 [\s\S]*"refresh_token"/);
  }
  await click(page, 'login', 'Log in', 200);
  await page.getByText('Other things to ask').click();
  assert.match(await curl('test'), /^HTTP\/1.1 200 [\s\S]*{"message":"Auth Checked"}/);
  assert.match(await curl('me'), new RegExp(`"username":"${name}"`));
  assert.match(await curl('bare'), /^HTTP\/1.1 401 /);
  assert.match(await curl('logout'), /^HTTP\/1.1 200 [\s\S]*{"message":"User Logged out successfully"}/);
  assert.match(await curl('test'), /^HTTP\/1.1 401 [\s\S]*"token_revoked"/);
});

test('a name with letters of all kinds survives each language', async (t) => {
  const page = await open(t);
  const password = 'ключ "und" \\ $HOME `id` 🚪\'s';
  const name = newName();
  await ask('POST', '/register', { json: { username: name, password } });
  await step(page, 'Log in').getByLabel('Username').fill(name);
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(password);
  await click(page, 'login', 'Log in', 200);
  const login = await entry(page, 'POST /login');
  assert.match(await run('sh', '-c', await copied(page, button(login, 'Copy as curl'))), /^HTTP\/1.1 200 /);
  assert.match(await run('node', '--input-type=module', '-e', await copied(page, button(login, 'Copy as fetch'))), /^200 /);
  if (await run('python3', '-c', 'import requests').then(() => true, () => false)) {
    assert.match(await run('python3', '-c', await copied(page, button(login, 'Copy as Python'))), /^200 /);
  }
});
