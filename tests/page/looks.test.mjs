// How the page looks, in both themes and three widths: it fits, axe finds nothing, and it is photographed. What it weighs.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { PASSWORD, PHONE, WIDE, addBoss, answered, ask, button, click, fitsItsWidth, go, isAccessible, logIn, newName, open, origin, register, screenshots,
  setUp } from './head.mjs';

const MOST_BYTES = 66_000;
const SIZES = { wide: WIDE, phone: { width: 390, height: 844 }, narrow: PHONE };

setUp(['--setup-link'], async () => {
  await addBoss();
  const { access_token: bearer } = (await ask('POST', '/login', { json: { username: 'boss', password: PASSWORD } })).body;
  // What strains a table: a long name, many roles, long ids.
  await ask('POST', '/users', { bearer, json: { username: `${'a-very-long-name-'.repeat(3)}end`, password: PASSWORD, roles: ['author', 'editor', 'proof-reader', 'translator'] } });
  await ask('POST', '/invites', { bearer });
});

for (const colorScheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`${colorScheme}, ${size}: every area fits, is accessible, is photographed`, async (t) => {
      const page = await open(t, { colorScheme, viewport, reducedMotion: 'reduce' });
      const photograph = async (what) => {
        await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
        await fitsItsWidth(page, what);
        await isAccessible(page, what);
        await page.screenshot({ path: `${screenshots}${colorScheme}-${size}-${what}.png`, fullPage: true });
      };
      await photograph('start');
      await go(page, 'Account');
      await photograph('signed-out');
      await go(page, 'Step by step');
      await register(page, newName());
      await logIn(page, 'boss');
      await photograph('logged-in');
      await go(page, 'Inspector');
      await photograph('inspector-empty');
      await button(page, 'My access token').click();
      await answered(page, 'inspect', 200);
      await photograph('inspector');
      await go(page, 'Account');
      await page.getByText('current', { exact: true }).waitFor();
      await photograph('account');
      await go(page, 'Admin');
      for (const id of ['users', 'invites', 'audit']) await page.locator(`#${id} tbody tr`).first().waitFor();
      await photograph('admin');
      await button(page, 'boss').click();
      await page.locator('#one tbody tr').first().waitFor();
      await click(page, 'user-admin', 'Make a reset code', 201);
      await photograph('user');
      await go(page, 'Step by step');
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true; }));
      await click(page, 'refresh', 'Refresh', 200);
      await click(page, 'logout', 'Log out', 200);
      await click(page, 'oldAccess', 'See it refused', 401);
      await photograph('logged-out');
    });
  }
}

test('the page is small, asks nobody else, and puts nothing in as markup', async (t) => {
  const page = await open(t);
  const seen = new Set();
  page.on('response', (response) => seen.add(response.url()));
  await page.goto(origin(), { waitUntil: 'networkidle' });
  const modules = readdirSync(new URL('../../static/page/', import.meta.url)).map((name) => `/page/${name}`);
  let total = 0;
  for (const path of ['/', '/app.js', '/style.css', '/favicon.svg', ...modules]) {
    const response = await fetch(origin() + path);
    assert.equal(response.status, 200, path);
    if (path.endsWith('.js')) assert.match(response.headers.get('content-type'), /^text\/javascript/);
    if (path !== '/favicon.svg') assert.ok(seen.delete(origin() + path), `${path} is asked for`);
    total += (await response.arrayBuffer()).byteLength;
  }
  console.log(`the page weighs ${total} bytes in all, in ${modules.length + 4} files`);
  assert.ok(total < MOST_BYTES, `${total} bytes`);
  assert.deepEqual([...seen].filter((url) => !/\/(verify|favicon\.svg)$/.test(url)), []);
  const source = ['app.js', ...modules.map((path) => path.slice(1))].map((name) => readFileSync(new URL(`../../static/${name}`, import.meta.url), 'utf8')).join('');
  assert.doesNotMatch(source, /https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
});
