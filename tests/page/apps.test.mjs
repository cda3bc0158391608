// The page beside an app: the login that visitors of an app see, and what the app's scripts, which are of the same origin, find of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, anAppInFront, answered, button, click, fitsItsWidth, isAccessible, kept, logIn, newcomer, open, origin, registerAndLogIn, screenshots, setUp, step,
  stored, watched } from './head.mjs';

setUp();

const loginFor = (origin) => `${origin}/auth/?return=%2Freport`;

/** What a script of this page's origin is told when it says that it is behind in every session; nothing is left out of it. */
async function whatTabsTell(doorward, app, sid) {
  // Whatever the page answers, it answers before this one, which listened later.
  await doorward.evaluate(() => {
    const channel = new BroadcastChannel('doorward.session');
    channel.onmessage = ({ data }) => { if (data.have === -1) channel.postMessage('the end'); };
  });
  return app.evaluate((session) => new Promise((all) => {
    const told = [];
    const channel = new BroadcastChannel('doorward.session');
    channel.onmessage = ({ data }) => {
      if (data === 'the end') all(told);
      else told.push(data);
    };
    channel.postMessage({ sid: session, have: -1 });
  }), sid);
}

/** Logs in on the page, and tells the session's id. */
async function sidOf(page, logsIn) {
  const answer = page.waitForResponse('**/login');
  await logsIn();
  const { access_token: token } = await (await answer).json();
  return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sid;
}

test('tabs of a page at a host of its own do answer each other', async (t) => {
  const page = await open(t);
  const sid = await sidOf(page, () => registerAndLogIn(page));
  const other = await watched(t, await page.context().newPage());
  await other.goto(`${origin()}/health`);
  assert.equal((await whatTabsTell(page, other, sid)).length, 1, 'so the next test would notice');
});

test('a script of an app on the same host finds no token, and no tab tells it one', async (t) => {
  const proxy = await anAppInFront(t);
  const page = await open(t, {}, `${proxy}/auth/`);
  await page.evaluate(() => sessionStorage.setItem('doorward.session', '{"session":{"access":"of an older page"}}'));
  await page.reload();
  const sid = await sidOf(page, () => registerAndLogIn(page));
  await click(page, 'test', 'Call /test', 200);
  await click(page, 'refresh', 'Refresh', 200);
  const app = await watched(t, await page.context().newPage());
  await app.goto(`${proxy}/report`);
  assert.deepEqual(await whatTabsTell(page, app, sid), []);
  await page.getByText('until you reload it').waitFor();
  await page.goto(`${proxy}/report`);
  for (const tab of [page, app]) assert.deepEqual(await stored(tab), { session: {}, local: {}, cookies: '' });
});

test('who logs in for an app leaves it nothing but a cookie that no script sees', async (t) => {
  const { username } = await newcomer();
  for (const server of [`${await anAppInFront(t)}/auth`, origin()]) {
    const page = await open(t, {}, `${server}/?return=%2Fhealth`);
    const spoken = page.evaluate(() => new Promise((word) => { new BroadcastChannel('doorward.session').onmessage = word; })).catch(() => 'nothing');
    await step(page, 'Log in').getByLabel('Username').fill(username);
    await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button(page, 'Log in').click();
    await page.waitForURL('**/health');
    assert.deepEqual(await stored(page), { session: {}, local: { 'doorward.kept': '1' }, cookies: '' });
    assert.equal(await spoken, 'nothing');
    assert.equal((await page.context().cookies()).length, 1);
  }
});

test('a return to nowhere keeps tokens in memory, too', async (t) => {
  const { username } = await newcomer();
  const page = await open(t, {}, `${origin()}/?return=%2F%2Fevil.example`);
  await logIn(page, username);
  await click(page, 'test', 'Call /test', 200);
  assert.deepEqual((await stored(page)).session, {});
});

const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
for (const colorScheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`${colorScheme}, ${size}: the login for an app is a login, and nothing else`, async (t) => {
      const { username } = await newcomer();
      const page = await open(t, { colorScheme, viewport, reducedMotion: 'reduce' }, loginFor(await anAppInFront(t)));
      const photograph = async (what) => {
        await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
        await fitsItsWidth(page, what);
        await isAccessible(page, what);
        await page.screenshot({ path: `${screenshots}${colorScheme}-${size}-door-${what}.png` });
      };
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      await page.getByText('to go on to /report').waitFor();
      assert.deepEqual(await page.getByRole('heading').allTextContents(), ['Log in']);
      assert.deepEqual(await page.getByRole('button').allTextContents(), ['Log in']);
      // One below the other, for there is no room for two.
      const boxes = await Promise.all(['Username', 'Password'].map((label) => page.locator('#login').getByLabel(label, { exact: true }).boundingBox()));
      assert.equal(boxes[0].x, boxes[1].x);
      assert.deepEqual(await page.getByRole('link').allTextContents(), ['Register', 'New password by code', 'What is this?']);
      await photograph('login');
      const login = step(page, 'Log in');
      await login.getByLabel('Username').fill(username);
      await login.getByLabel('Password', { exact: true }).fill('not my password');
      await button(page, 'Log in').click();
      await answered(page, 'login', '401');
      await photograph('refused');
      await page.getByRole('link', { name: 'Register' }).click();
      await step(page, 'Register').getByLabel('Username').waitFor();
      await photograph('register');
      await page.getByRole('link', { name: 'New password' }).click();
      await step(page, 'A new password by code').getByLabel('Code').waitFor();
      await photograph('reset');
      await page.getByRole('navigation', { name: 'More' }).getByRole('link', { name: 'Log in' }).click();
      await login.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await button(page, 'Log in').click();
      await page.waitForURL('**/report');
      await page.goBack();
      await page.getByRole('heading', { name: 'Signed in' }).waitFor();
      assert.equal(await kept(page).getByRole('paragraph').first().innerText(), `Signed in as ${username}.`);
      assert.equal(await login.isVisible(), false);
      await photograph('signed-in');
      await kept(page).getByRole('link', { name: 'Go on to /report' }).click();
      await page.waitForURL('**/report');
      await page.goto(loginFor(new URL(page.url()).origin));
      await button(page, 'Log out on this browser').click();
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      await login.getByLabel('Username').waitFor();
    });
  }
}

test('the lesson is a link away', async (t) => {
  const page = await open(t, {}, loginFor(await anAppInFront(t)));
  await page.getByRole('link', { name: 'What is this?' }).click();
  await page.getByRole('heading', { name: 'A login, door by door' }).waitFor();
  await page.waitForLoadState('networkidle');
});

test('a first visit leaves no line in the console, and a browser that stays signed in is told of', async (t) => {
  const page = await open(t, {}, 'about:blank');
  page.expected = /^$/; // nothing at all
  const asked = [];
  page.on('request', (request) => { if (request.url().endsWith('/verify')) asked.push(request.url()); });
  await page.goto(origin(), { waitUntil: 'networkidle' });
  assert.deepEqual(asked, []);
  const { username } = await newcomer();
  await page.getByLabel('Keep me signed in here').check();
  await logIn(page, username);
  await page.reload();
  await kept(page).waitFor();
  assert.equal(asked.length, 1);
});
