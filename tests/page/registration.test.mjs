// Registration as the settings say: by invite, with the link that an administrator passes on; closed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD, addBoss, answered, ask, button, click, copied, go, isAccessible, logIn, newName, open, setUp, step } from './head.mjs';
import { startServer } from './server.mjs';

setUp(['--setup-link'], addBoss, { REGISTRATION: 'invite' });

let closed;
before(async () => { closed = await startServer([], { REGISTRATION: 'closed', PUBLIC_URL: 'https://login.example.com', BASE_PATH: '/auth' }); });
after(() => closed?.stop());

test('where it takes an invite, the form has a field for it', async (t) => {
  const page = await open(t);
  const form = step(page, 'Register');
  await form.getByLabel('Username').fill(newName());
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await form.getByLabel('Invite').fill('none');
  await click(form, 'register', 'Register', 403);
});

test('a password manager knows each field by its type and what it is for', async (t) => {
  const page = await open(t);
  const fields = await page.locator('input[name*=password], form:is(#setup-form, #register-form, #login-form) [name=username]').evaluateAll((inputs) =>
    inputs.map((input) => [input.closest('form').id, input.name, input.type, input.autocomplete].join(' ')));
  assert.deepEqual(fields, [
    'setup-form username text username', 'setup-form password password new-password',
    'login-form username text username', 'login-form password password current-password',
    'register-form username text username', 'register-form password password new-password',
    'password-form current_password password current-password', 'password-form new_password password new-password',
    'reset-form new_password password new-password', 'add-form password password new-password',
  ]);
  // Nothing stands in the way of pasting.
  const pasted = step(page, 'Log in').getByLabel('Password', { exact: true });
  await pasted.focus();
  assert.equal(await pasted.evaluate((input) => input.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true }))), true);
});

test('an invite’s link fills it in, leaves the address bar at once, and registers', async (t) => {
  const boss = await open(t);
  await logIn(boss, 'boss');
  await go(boss, 'Admin');
  await click(boss, 'invite', 'Make an invite for a week', 201);
  const link = await copied(boss, button(boss, 'Copy link'));
  assert.match(link, /\/#invite=doorward_invite_\w+$/);

  const page = await open(t, {}, link);
  assert.equal(await page.evaluate(() => location.hash), '#register');
  const form = step(page, 'Register');
  assert.equal(await form.getByLabel('Invite').inputValue(), link.split('=')[1]);
  await isAccessible(page, 'with an invite');
  const name = newName();
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await button(form, 'Register').click();
  await answered(page, 'register', 201);
  assert.equal((await ask('POST', '/login', { json: { username: name, password: PASSWORD } })).status, 200);
});

test('where it is closed, there is a line in place of the form', async (t) => {
  const page = await open(t, {}, closed.origin);
  await step(page, 'Register').getByText('Closed on this server').waitFor();
  assert.equal(await step(page, 'Register').getByRole('textbox').count(), 0);
  await isAccessible(page, 'closed');
  await page.goto(`${closed.origin}/?return=%2Freport`);
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Register' }).isVisible(), false);
});

test('the page knows at which address its links are to be opened', async (t) => {
  const page = await open(t, {}, closed.origin);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.address), 'https://login.example.com/auth/');
});
