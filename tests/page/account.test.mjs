// One's own account: sessions, password, deletion, a reset code, the cookie of a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, anAppInFront, answered, ask, button, click, copyCurl, go, isAccessible, kept, log, logIn, newcomer, open, origin, register, registerAndLogIn,
  screenshots, setUp, step, tokensOf } from './head.mjs';

setUp();

test('sessions are listed with their devices, and ended one by one or all', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  const others = [];
  for (let i = 0; i < 3; i += 1) others.push((await ask('POST', '/login', { json: { username: name, password: PASSWORD } })).body.access_token);
  await go(page, 'Account');
  const sessions = step(page, 'Sessions');
  await sessions.getByRole('row').nth(4).waitFor(); // with the heading
  const own = sessions.getByRole('row').filter({ hasText: 'current' });
  await own.getByText(/^Chrome on Linux/).waitFor();
  await own.getByText('127.0.0.1').waitFor();
  assert.equal(await own.getByRole('button').count(), 0);
  const counts = async () => (await Promise.all(others.map((bearer) => ask('GET', '/test', { bearer })))).filter(({ status }) => status === 200).length;

  await button(sessions, 'End this one').first().click();
  await sessions.getByText('Session has been ended successfully').waitFor();
  assert.equal(await sessions.getByRole('row').count(), 4);
  assert.equal(await counts(), 2);
  await button(sessions, 'End all others').click();
  await answered(page, 'sessions', 'User Logged out');
  assert.equal(await sessions.getByRole('row').count(), 2);
  assert.equal(await counts(), 0);
  assert.equal((await ask('GET', '/test', { bearer: (await tokensOf(page)).access })).status, 200);
});

test('the password is changed, with the faults beside the fields', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await go(page, 'Account');
  const form = step(page, 'Change the password');
  await form.getByLabel('Current password').fill('something else');
  await form.getByLabel('New password').fill('a green kettle of mine');
  await click(form, 'password', 'Change the password', 401);
  await form.locator('#password-current_password-fault').getByText(/\w/).waitFor();
  await form.getByLabel('Current password').fill(PASSWORD);
  await form.getByLabel('New password').fill('short');
  await click(form, 'password', 'Change the password', 422);
  await form.locator('#password-new_password-fault').getByText(/\w/).waitFor();
  await form.getByLabel('New password').fill('a green kettle of mine');
  await click(form, 'password', 'Change the password', 200);
  assert.equal(await form.getByLabel('New password').inputValue(), '');
  assert.equal((await ask('POST', '/login', { json: { username: name, password: 'a green kettle of mine' } })).status, 200);
});

test('deleting the account asks back, wants a fresh token, and ends it', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await click(page, 'refresh', 'Refresh', 200);
  await go(page, 'Account');
  const dialog = page.getByRole('dialog', { name: `Delete ${name}?` });
  await button(page, 'Delete my account').click();
  await isAccessible(page, 'dialog');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await button(page, 'Delete my account').click();
  await button(dialog, 'Cancel').click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await log(page).filter({ hasText: 'DELETE' }).count(), 0);

  await button(page, 'Delete my account').click();
  await button(dialog, 'Delete for good').click();
  await answered(page, 'delete', 401);
  await page.getByText('This needs a token straight from a login.').waitFor();
  await go(page, 'Step by step');
  await logIn(page, name);
  await go(page, 'Account');
  await button(page, 'Delete my account').click();
  await button(dialog, 'Delete for good').click();
  await answered(page, 'delete', 200);
  await page.getByText('Not signed in').waitFor();
  await page.getByText('and your sessions appear here').waitFor();
  assert.equal((await ask('POST', '/login', { json: { username: name, password: PASSWORD } })).status, 401);
});

test('a reset code that is none is refused, beside the form', async (t) => {
  const page = await open(t, {}, `${origin()}/#account`);
  const form = step(page, 'A new password by code');
  await form.getByLabel('Code').fill('doorward_reset_1_0123456789abcdef0123456789abcdef01234567');
  await form.getByLabel('New password').fill('a green kettle of mine');
  await click(form, 'reset', 'Set the new password', 401);
});

test('an access token that ran out is refreshed before it is needed', async (t) => {
  const page = await open(t);
  await page.clock.install();
  await registerAndLogIn(page);
  const { access } = await tokensOf(page);
  await page.clock.fastForward('14:50');
  await go(page, 'Account');
  await step(page, 'Sessions').getByText('current').waitFor();
  assert.notEqual((await tokensOf(page)).access, access);
});

// --- The cookie ----------------------------------------------------------------------------------------------

async function keepSignedIn(page) {
  const name = await register(page);
  await page.getByLabel('Keep me signed in here').check();
  assert.match(await copyCurl(page, 'login'), /"keep_signed_in":true/);
  await button(page, 'Log in').click();
  return name;
}

test('kept signed in on this browser: after a reload as well, until logged out', async (t) => {
  const page = await open(t);
  assert.equal(await kept(page).count(), 0);
  const name = await keepSignedIn(page);
  await answered(page, 'login', 200);
  await kept(page).getByText(`This browser stays signed in as ${name}.`).waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ['doorward', true, 'Lax', '/']);
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await kept(page).getByText(`Signed in as ${name}; enter your password to manage the account.`).waitFor(); // this tab has no tokens
  await page.getByRole('banner').getByText(`Signed in as ${name}`, { exact: true }).waitFor();
  assert.equal(await step(page, 'Log in').getByLabel('Username').inputValue(), name);
  await go(page, 'Account');
  assert.equal(await page.getByText('and your sessions appear here').isVisible(), false);
  await isAccessible(page, 'kept signed in');
  await page.screenshot({ path: `${screenshots}light-wide-kept.png` });
  await button(page, 'Log out on this browser').click();
  await kept(page).waitFor({ state: 'hidden' });
  assert.deepEqual(await page.context().cookies(), []);
  const again = await fetch(`${origin()}/verify`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } });
  assert.equal(again.status, 401);
  await page.reload({ waitUntil: 'networkidle' });
  assert.equal(await kept(page).count(), 0);
});

test('logging out in the last step ends it on the browser, too', async (t) => {
  const page = await open(t);
  await keepSignedIn(page);
  await answered(page, 'login', 200);
  await kept(page).waitFor();
  await click(page, 'logout', 'Log out', 200);
  await kept(page).waitFor({ state: 'hidden' });
  assert.deepEqual(await page.context().cookies(), []);
});

test('a name of other letters is read as it is', async (t) => {
  const page = await open(t);
  const name = `jürgen-${process.pid}`;
  await register(page, name);
  await page.getByLabel('Keep me signed in here').check();
  await click(page, 'login', 'Log in', 200);
  await page.reload();
  await kept(page).getByText(`This browser stays signed in as ${name}.`).waitFor();
});

test('after the login one is back where one came from', async (t) => {
  const page = await open(t);
  await page.goto(`${origin()}/?return=%2Fhealth%3Fa%3D1%2B2`);
  await page.getByRole('link', { name: 'Register' }).click();
  await register(page);
  await button(page, 'Log in').click();
  await page.waitForURL(`${origin()}/health?a=1+2`);
  await page.goto(`${origin()}/?return=%2Fhealth`);
  await kept(page).getByRole('link', { name: 'Go on' }).click();
  await page.waitForURL(`${origin()}/health`);
});

test('nobody is led away to another origin', async (t) => {
  const page = await open(t);
  const { username: name } = await newcomer();
  const { host } = new URL(origin());
  for (const hostile of ['//evil.example', 'https://evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', 'javascript:alert(1)',
    'data:text/html,x', 'http://', `blob:${origin()}/x`, `${origin()}.evil.example/`, `${origin()}@evil.example/`, `http://a@${host}/`]) {
    const asked = new Set();
    const note = (request) => asked.add(new URL(request.url()).origin);
    page.on('request', note);
    await page.goto(`${origin()}/?return=${encodeURIComponent(hostile)}`);
    await page.getByLabel('Keep me signed in here').check();
    await logIn(page, name);
    await click(page, 'test', 'Call /test', 200); // still here
    await kept(page).waitFor();
    assert.equal(await kept(page).getByRole('link').count(), 0, hostile);
    assert.deepEqual([[...asked], new URL(page.url()).pathname], [[origin()], '/'], hostile);
    page.off('request', note);
  }
});

test('under a path of a proxy everything is asked there', async (t) => {
  const proxy = await anAppInFront(t);
  const page = await open(t);
  const missed = [];
  page.on('request', (request) => { if (new URL(request.url()).origin === proxy && !request.url().startsWith(`${proxy}/auth/`)) missed.push(request.url()); });
  await page.goto(`${proxy}/auth/`);
  const name = await keepSignedIn(page);
  await answered(page, 'login', 200);
  await kept(page).getByText(`This browser stays signed in as ${name}.`).waitFor();
  await click(page, 'test', 'Call /test', 200);
  assert.ok((await copyCurl(page, 'test')).includes(`${proxy}/auth/test`));
  await button(page, 'Log out on this browser').click();
  await kept(page).waitFor({ state: 'hidden' });
  assert.equal(await page.getByRole('link', { name: 'Health' }).evaluate((link) => link.href), `${proxy}/auth/health`);
  assert.deepEqual(missed, []);
});
