// What administrators do on the page, and what others do not see of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, addBoss, answered, ask, button, click, copied, go, isAccessible, logIn, mustWait, newName, newcomer, open, origin, registerAndLogIn, setUp, step } from './head.mjs';

setUp(['--setup-link'], addBoss);

async function asBoss(t) {
  const page = await open(t);
  await logIn(page, 'boss');
  await go(page, 'Admin');
  await step(page, 'Users').getByRole('row').nth(1).waitFor();
  return page;
}

/** Finds a user and opens what there is to do with it. */
async function manage(page, username) {
  await page.getByLabel('Name', { exact: true }).fill(username);
  await button(page, 'Find').click();
  await button(step(page, 'Users'), username).click();
  await page.getByRole('heading', { name: new RegExp(`^${username}, user \\d+`) }).waitFor();
}

test('who is no administrator does not see the area, not even by its address', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  assert.equal(await page.getByRole('link', { name: 'Admin' }).isVisible(), false);
  await page.evaluate(() => { location.hash = '#admin'; });
  assert.equal(await page.locator('#admin').isVisible(), false);
  await page.getByText('Log in as an administrator first.').waitFor();
});

test('users are listed page by page, found and added', async (t) => {
  for (let i = 0; i < 27; i += 1) await newcomer();
  const page = await asBoss(t);
  const users = step(page, 'Users');
  await users.getByRole('row').nth(25).waitFor();
  await button(users, 'Show more').click();
  await users.getByRole('row').nth(27).waitFor();
  assert.equal(await button(users, 'Show more').count(), 0);

  const name = newName();
  await users.getByText('Add a user').click();
  const form = page.locator('#add-form');
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill('short');
  await click(page, 'add', 'Add', 422);
  await form.locator('#add-password-fault').getByText(/\w/).waitFor();
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await form.getByLabel('Roles').fill('editor author');
  await click(page, 'add', 'Add', 201);
  for (const label of ['Username', 'Roles']) assert.equal(await form.getByLabel(label).inputValue(), '');
  assert.equal(await form.getByLabel('Password', { exact: true }).inputValue(), '');
  await manage(page, name);
  assert.equal(await page.locator('#user-form').getByLabel('Roles').inputValue(), 'author, editor');
  await button(page, '← All users').click();
  await page.getByLabel('Name', { exact: true }).fill('nobody-of-that-name');
  await button(page, 'Find').click();
  await users.getByText('No user of that name.').waitFor();
});

test('roles and claims are changed, and a fault is told', async (t) => {
  const { username, access_token: bearer } = await newcomer();
  const page = await asBoss(t);
  await manage(page, username);
  const form = page.locator('#user-form');
  await form.getByLabel('Roles').fill('editor');
  await form.getByLabel('Custom claims').fill('{"department": "support"');
  await click(page, 'user-admin', 'Save', 422);
  await form.locator('#user-claims-fault').getByText('Not a valid mapping type.').waitFor();
  await form.getByLabel('Custom claims').fill('{"department": "support"}');
  await button(form, 'Save').click();
  await answered(page, 'user-admin', 'Saved');
  const { body } = await ask('GET', '/me', { bearer });
  assert.deepEqual([body.roles, body.claims], [['editor'], { department: 'support' }]);
});

test('a user is disabled, enabled, unlocked, and its sessions ended', async (t) => {
  const { username, access_token: bearer } = await newcomer();
  const page = await asBoss(t);
  await manage(page, username);
  await page.locator('#one').getByRole('row').nth(1).waitFor();
  const second = (await ask('POST', '/login', { json: { username, password: PASSWORD } })).body.access_token;
  await button(page, '← All users').click();
  await manage(page, username);
  await page.locator('#one').getByRole('row').nth(2).waitFor();
  await page.locator('#one').getByRole('row').nth(1).getByRole('button', { name: 'End' }).click(); // the one used last
  await answered(page, 'sessions', 'Session has been ended');
  assert.equal((await ask('GET', '/test', { bearer: second })).status, 401);
  assert.equal((await ask('GET', '/test', { bearer })).status, 200);
  await button(page, 'End all sessions').click();
  await answered(page, 'sessions', 'Sessions have been ended');
  assert.equal((await ask('GET', '/test', { bearer })).status, 401);
  await page.locator('#one').getByText('None.').waitFor();
  await button(page, 'Unlock').click();
  await answered(page, 'sessions', 'User has been unlocked');
  await button(page, 'Disable').click();
  await page.getByRole('heading', { name: `${username}, user` }).getByText('disabled').waitFor();
  assert.equal((await ask('POST', '/login', { json: { username, password: PASSWORD } })).status, 401);
  await button(page, 'Enable').click();
  await button(page, 'Disable').waitFor();
  assert.equal((await ask('POST', '/login', { json: { username, password: PASSWORD } })).status, 200);
});

test('a reset code is told once, and sets a new password', async (t) => {
  const { username } = await newcomer();
  const page = await asBoss(t);
  await manage(page, username);
  await click(page, 'user-admin', 'Make a reset code', 201);
  const code = await page.locator('[data-curl=user-admin] .raw').textContent();
  assert.match(code, /^doorward_reset_/);
  const link = await copied(page, button(page, 'Copy link'));
  assert.equal(link, `${origin()}/#reset=${code}`);
  const log = await step(page, 'Everything asked and answered').textContent();
  assert.ok(!log.includes(code));

  const other = await open(t, {}, link);
  assert.equal(await other.evaluate(() => location.hash), '#reset');
  const form = step(other, 'A new password by code');
  assert.equal(await form.getByLabel('Code').inputValue(), code);
  await form.getByLabel('New password').fill('a green kettle of mine');
  await click(form, 'reset', 'Set the new password', 200);
  assert.equal((await ask('POST', '/login', { json: { username, password: 'a green kettle of mine' } })).status, 200);
});

test('a user is deleted after asking back', async (t) => {
  const { username } = await newcomer();
  const page = await asBoss(t);
  await manage(page, username);
  await button(page, `Delete ${username}`).click();
  const dialog = page.getByRole('dialog', { name: `Delete ${username}?` });
  await isAccessible(page, 'dialog');
  await button(dialog, 'Cancel').click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal((await ask('POST', '/login', { json: { username, password: PASSWORD } })).status, 200);
  await button(page, `Delete ${username}`).click();
  await button(dialog, `Delete ${username}`).click();
  await step(page, 'Users').getByText('No user of that name.').waitFor(); // the name is still looked for
  assert.equal((await ask('POST', '/login', { json: { username, password: PASSWORD } })).status, 401);
});

test('an invite is made, listed and taken back', async (t) => {
  const page = await asBoss(t);
  const invites = step(page, 'Invites');
  await invites.getByText('None.').waitFor();
  await click(page, 'invite', 'Make an invite for a week', 201);
  assert.match(await invites.locator('.raw').textContent(), /^doorward_invite_/);
  await invites.getByRole('row').filter({ hasText: 'in 6 d 23 h' }).or(invites.getByRole('row').filter({ hasText: 'in 7 d' })).waitFor();
  await button(invites, 'Take back').click();
  await invites.getByText('Invite has been deleted successfully').waitFor();
  await invites.getByText('None.').waitFor();
});

test('who must wait is listed, and let go on', async (t) => {
  const { username } = await newcomer();
  const page = await asBoss(t);
  await mustWait(username);
  await page.reload();
  const waiting = step(page, 'Who must wait');
  await waiting.getByRole('row').filter({ hasText: 'user_at_address' }).waitFor();
  await button(waiting, 'Unlock').click();
  await waiting.getByText('Nobody has to wait.').waitFor();
});

test('an address that must wait is let go on, also where nobody of the name exists', async (t) => {
  const username = 'nobody-of-that-name';
  const page = await asBoss(t);
  await mustWait(username);
  await page.reload();
  const waiting = step(page, 'Who must wait');
  const row = waiting.getByRole('row').filter({ hasText: '127.0.0.1' });
  await button(row, 'Unlock').click();
  await waiting.getByText('Address has been unlocked successfully').waitFor();
  await waiting.getByText('Nobody has to wait.').waitFor();
  assert.equal((await ask('POST', '/login', { json: { username, password: 'wrong wrong wrong' } })).status, 401);
});

test('what happened is listed, with names, and follows each change', async (t) => {
  const page = await asBoss(t);
  const audit = step(page, 'What happened');
  await audit.getByRole('row').filter({ hasText: 'login' }).filter({ hasText: 'user:1 boss' }).first().waitFor();
  const made = audit.getByRole('row').filter({ hasText: 'invite_made' });
  const before = await made.count();
  await click(page, 'invite', 'Make an invite for a week', 201);
  await made.nth(before).waitFor();
});

test('what happened is filtered by a user’s name or id and by a known event, and a fault stands beside its field', async (t) => {
  const { username } = await newcomer();
  const page = await asBoss(t);
  const audit = step(page, 'What happened');
  const rows = audit.locator('tbody tr');
  const only = (count) => page.waitForFunction((wanted) => document.querySelectorAll('#audit tbody tr').length === wanted, count);
  await audit.getByLabel('Event').selectOption('set_up');
  await button(audit, 'Filter').click();
  await only(1);
  await audit.getByLabel('Event').selectOption('any');
  await audit.getByLabel('User').fill(username);
  await button(audit, 'Filter').click();
  await only(2);
  assert.deepEqual((await rows.locator('td:first-child').allTextContents()), ['login', 'registered']);
  await audit.getByLabel('User').fill('1');
  await audit.getByLabel('Event').selectOption('set_up');
  await button(audit, 'Filter').click();
  await only(1);

  await audit.getByLabel('User').fill('nobody-of-that-name');
  await button(audit, 'Filter').click();
  await page.locator('#events-user-fault').getByText('No user of that name.').waitFor();
  await audit.getByLabel('User').fill('99999999999999999999');
  await click(audit, 'events', 'Filter', 422);
  await page.locator('#events-user-fault').getByText('Not a valid user id.').waitFor();
  assert.equal(await audit.getByLabel('User').getAttribute('aria-invalid'), 'true');
});
