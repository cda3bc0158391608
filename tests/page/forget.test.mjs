// What is left on the page of a session that is over: nothing that whoever comes next could read, uncover or copy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, addBoss, answered, ask, button, click, copyCurl, duplicate, go, log, logIn, newName, newcomer, open, register, registerAndLogIn, setUp, step,
  stored, tokensOf } from './head.mjs';

setUp(['--setup-link'], addBoss);

/** All that the page can be made to tell: what is in it, in its fields, behind its clicks, and what its buttons copy. */
const told = (page) => page.evaluate(() => {
  const copied = [];
  document.execCommand = () => copied.push(document.querySelector('textarea.unseen').value);
  document.querySelectorAll('details').forEach((details) => { details.open = true; });
  const buttons = (name) => [...document.querySelectorAll('button')].filter((one) => one.textContent.startsWith(name));
  buttons('Show secrets').filter((one) => one.ariaPressed !== 'true').forEach((one) => one.click());
  buttons('Copy').forEach((one) => one.click());
  const fields = [...document.querySelectorAll('input, textarea')].map((field) => field.value);
  return [document.documentElement.textContent, ...fields, ...copied].join('\n');
});

/** Which of these, by name, the page can be made to tell. */
async function tells(page, secrets) {
  const all = await told(page);
  return Object.keys(secrets).filter((name) => all.includes(secrets[name]) || all.includes(secrets[name].replaceAll("'", "'\\''")));
}

test('after a logout nothing is left in the log, the answers, the fields and the lists', async (t) => {
  const { username } = await newcomer();
  const page = await open(t);
  await register(page, newName(), 'a stranger’s red kettle');
  await logIn(page, 'boss');
  const first = await tokensOf(page);
  await click(page, 'refresh', 'Refresh', 200);
  const last = await tokensOf(page);
  await click(page, 'test', 'Call /test', 200);
  await go(page, 'Account');
  const typed = 'a password half typed';
  const change = step(page, 'Change the password');
  await change.getByLabel('New password').fill(typed);
  await change.getByLabel('Show password').last().check();
  await go(page, 'Inspector');
  await button(page, 'My access token').click();
  await answered(page, 'inspect', 200);
  await go(page, 'Admin');
  await click(page, 'invite', 'Make an invite for a week', 201);
  const invite = await page.locator('[data-curl=invite] .raw').textContent();
  await page.getByLabel('Name', { exact: true }).fill(username);
  await button(page, 'Find').click();
  await button(step(page, 'Users'), username).click();
  await click(page, 'user', 'Make a reset code', 201);
  const reset = await page.locator('[data-curl=user] .raw').textContent();
  const secrets = { password: PASSWORD, stranger: 'a stranger’s red kettle', access: first.access, refresh: first.refresh, access2: last.access,
    refresh2: last.refresh, typed, invite, reset };
  assert.deepEqual(await tells(page, secrets), Object.keys(secrets), 'there is something to forget');

  await go(page, 'Step by step');
  await click(page, 'logout', 'Log out', 200);
  assert.deepEqual(await tells(page, secrets), []);
  assert.equal(await page.locator('.rows').count(), 0, 'no list of users, sessions, events');
  await click(page, 'oldAccess', 'See it refused', 401);
  await click(page, 'oldRefresh', 'Try the old refresh token', 401);
  assert.deepEqual(await tells(page, secrets), []);
  await go(page, 'Account');
  assert.equal(await page.locator('#password-new_password').getAttribute('type'), 'password', 'the next one’s is not shown');

  await go(page, 'Step by step');
  await logIn(page, 'boss');
  await go(page, 'Admin');
  await step(page, 'Users').getByRole('row').nth(1).waitFor();
  assert.equal(await page.locator('#one').textContent(), '', 'no user is half open');
});

const WAYS = {
  'by a logout in another tab': async (page, { other }) => { await click(other, 'logout', 'Log out', 200); },
  'elsewhere, as a refresh finds out': async (page, { access }) => {
    await ask('POST', '/logout', { bearer: access });
    await click(page, 'refresh', 'Refresh', 401);
  },
  'elsewhere, as a request finds out': async (page, { access }) => {
    await ask('POST', '/logout', { bearer: access });
    await click(page, 'test', 'Call /test', 401);
    await step(page, 'Call the protected route').getByText('This token was taken back.').waitFor();
  },
  'with the account': async (page) => {
    await go(page, 'Account');
    await button(page, 'Delete my account').click();
    await button(page, 'Delete for good').click();
    await answered(page, 'delete', 200);
  },
  'by a logout on this browser': async (page) => { await button(page, 'Log out on this browser').click(); },
};

for (const [way, end] of Object.entries(WAYS)) {
  test(`a session that ends ${way} is forgotten`, async (t) => {
    const page = await open(t);
    await register(page);
    await page.getByLabel('Keep me signed in here').check();
    await click(page, 'login', 'Log in', 200);
    await page.getByRole('region', { name: 'This browser' }).waitFor();
    const other = await duplicate(t, page);
    const { access, refresh } = await tokensOf(page);
    const secrets = { password: PASSWORD, access, refresh };
    assert.deepEqual(await tells(page, secrets), Object.keys(secrets));
    await end(page, { other, access });
    for (const tab of [page, other]) {
      await tab.getByText('Not signed in').waitFor();
      assert.deepEqual(await tells(tab, secrets), []);
      assert.deepEqual((await stored(tab)).session, {});
    }
  });
}

test('who logs in over a session finds nothing of it, and has its own', async (t) => {
  const { username } = await newcomer();
  const page = await open(t);
  await registerAndLogIn(page);
  const { access, refresh } = await tokensOf(page);
  await go(page, 'Inspector');
  await button(page, 'My refresh token').click();
  await answered(page, 'inspect', 'A refresh token');
  await go(page, 'Step by step');
  await logIn(page, username);
  await page.getByText(`Signed in as ${username}`).waitFor();
  assert.deepEqual(await tells(page, { password: PASSWORD, access, refresh }), []);
  const own = await tokensOf(page);
  assert.deepEqual(await tells(page, own), ['access', 'refresh']);
});

test('an answer that comes after the end is told by its headline', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const { access } = await tokensOf(page);
  const other = await duplicate(t, page);
  let letGo;
  const held = new Promise((done) => { letGo = done; });
  const asked = page.waitForRequest('**/me');
  await page.route('**/me', async (route) => {
    await held;
    await route.fulfill({ json: { id: 1, username: 'the one before' } });
  });
  await page.getByText('Other things to ask').click();
  await button(page, 'Who am I?').click();
  await asked;
  await click(other, 'logout', 'Log out', 200);
  await page.getByText('Not signed in').waitFor();
  letGo();
  await log(page).filter({ hasText: 'GET /me' }).waitFor();
  assert.equal(await log(page).locator('details').count(), 0);
  assert.deepEqual(await tells(page, { access }), []);
});

test('a code and a list that come after the end are not shown', async (t) => {
  const { username } = await newcomer();
  const page = await open(t);
  await logIn(page, 'boss');
  await go(page, 'Admin');
  await page.getByLabel('Name', { exact: true }).fill(username);
  await button(page, 'Find').click();
  await button(step(page, 'Users'), username).click();
  await page.locator('#one tbody tr').first().waitFor();
  const other = await duplicate(t, page);
  let letGo;
  const held = new Promise((done) => { letGo = done; });
  const codes = [];
  await page.route(/\/reset$|\/invites$/, async (route) => {
    const response = await route.fetch();
    codes.push(await response.json());
    await held;
    await route.fulfill({ response });
  });
  const both = Promise.all(['/reset', '/invites'].map((end) => page.waitForResponse((response) => response.url().endsWith(end))));
  await button(page, 'Make a reset code').click();
  await button(page, 'Make an invite for a week').click();
  while (codes.length < 2) await page.waitForTimeout(10);
  await click(other, 'logout', 'Log out', 200);
  await page.getByText('Not signed in').waitFor();
  letGo();
  await both;
  await log(page).filter({ hasText: '/reset' }).waitFor();
  await log(page).filter({ hasText: 'POST /invites' }).waitFor();
  assert.deepEqual(await tells(page, Object.fromEntries(codes.map(({ code }) => [code, code]))), []);
  assert.equal(await page.locator('.rows').count(), 0);
});

test('what was typed while nobody was signed in goes when the page is left alone', async (t) => {
  const page = await open(t);
  await page.clock.install();
  const name = await register(page);
  await go(page, 'Account');
  const code = 'doorward_reset_typed_by_somebody';
  await step(page, 'A new password by code').getByLabel('Code').fill(code);
  const secrets = { password: PASSWORD, code };
  await page.clock.fastForward('04:50');
  await step(page, 'A new password by code').getByLabel('New password').fill('a green kettle of mine');
  await page.clock.fastForward('04:50');
  assert.deepEqual(await tells(page, secrets), Object.keys(secrets), 'somebody is at work'); // and clicks
  await page.clock.fastForward('05:01');
  assert.deepEqual(await tells(page, { ...secrets, second: 'a green kettle of mine' }), []);
  await go(page, 'Step by step');
  await logIn(page, name);
  await click(page, 'test', 'Call /test', 200);
  await page.clock.fastForward('06:00');
  assert.equal(await page.locator('#login-username').inputValue(), name, 'a session keeps what is there');
  assert.deepEqual(await tells(page, { password: PASSWORD }), ['password']);
});

test('a new pair that comes after the end brings nothing back', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  const other = await duplicate(t, page);
  let letGo;
  const held = new Promise((done) => { letGo = done; });
  let pair;
  const traded = new Promise((done) => {
    page.route('**/refresh', async (route) => {
      const response = await route.fetch();
      pair = await response.json();
      done();
      await held;
      await route.fulfill({ response });
    });
  });
  await button(page, 'Refresh').click();
  await traded;
  await click(other, 'logout', 'Log out', 200);
  await page.getByText('Not signed in').waitFor();
  letGo();
  await answered(page, 'refresh', 'Another tab was first');
  assert.deepEqual((await stored(page)).session, {});
  assert.deepEqual(await tells(page, { access: pair.access_token, refresh: pair.refresh_token }), []);
  await page.getByText('Not signed in').waitFor();
});

test('after a login no password is left in a field or a command, not even one that was shown', async (t) => {
  const page = await open(t);
  await register(page);
  const form = step(page, 'Log in');
  await form.getByLabel('Show password').check();
  assert.match(await copyCurl(page, 'login'), /kettle/);
  await click(page, 'login', 'Log in', 200);
  for (const action of ['register', 'login']) {
    assert.equal(await page.locator(`#${action}-password`).inputValue(), '');
    assert.doesNotMatch(await copyCurl(page, action), /kettle/);
  }
});
