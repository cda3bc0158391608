// What the browser tests share: a server and a Chromium for each file, pages whose console must stay clean, and what people do there.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { startServer } from './server.mjs';

export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 320, height: 700 };
export const PASSWORD = "a door's blue kettle";
export const screenshots = fileURLToPath(new URL('screenshots/', import.meta.url));

const axe = createRequire(import.meta.url)('axe-core').source;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let browser;
let server;
let users = 0;

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** Starts a server and a browser for a test file, then `prepare()`s; the server is the one that `origin()` names. */
export function setUp(flags = [], prepare = () => {}, settings = {}) {
  before(async () => {
    mkdirSync(screenshots, { recursive: true });
    server = await startServer(flags, settings);
    await prepare();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
}

export const origin = () => server.origin;
export const setupLink = () => server.setupLink;

/** A proxy that shows the server under /auth/ and an app's page everywhere else; its origin. */
export async function anAppInFront(t) {
  const front = createServer((request, answer) => {
    if (!request.url.startsWith('/auth/')) return answer.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>An app</title><link rel=icon href=data:,>');
    const { hostname, port } = new URL(origin());
    const onward = forward({ hostname, port, method: request.method, path: request.url.slice('/auth'.length), headers: request.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    return request.pipe(onward);
  });
  await new Promise((listening) => { front.listen(0, '127.0.0.1', listening); });
  t.after(() => front.close());
  return `http://127.0.0.1:${front.address().port}`;
}

/** Makes the first administrator, `boss`, out of the set-up link. */
export async function addBoss() {
  const code = (await setupLink()).split('#setup=')[1];
  assert.equal((await ask('POST', '/setup', { json: { code, username: 'boss', password: PASSWORD } })).status, 201);
}

/**
 * Watches a page for the rest of a test: its console must stay clean, nothing may break its policy, and it asks no other host.
 * `page.expected` is what the browser itself may log about refused requests.
 */
export async function watched(t, page) {
  page.setDefaultTimeout(120_000); // more than a machine with much other work needs
  page.expected = /^Failed to load resource: the server responded with a status of 4\d\d/;
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !page.expected.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => { if (!/^http:\/\/127\.0\.0\.1:/.test(request.url())) complaints.push(request.url()); });
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  t.after(async () => {
    const violations = await page.evaluate(() => globalThis.violations);
    await page.close();
    assert.deepEqual({ complaints, violations }, { complaints: [], violations: [] });
  });
  return page;
}

/** Opens an address in a profile of its own. */
export async function open(t, options = {}, address = server.origin) {
  const context = await browser.newContext({ viewport: WIDE, permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const page = await watched(t, await context.newPage()); // the context is closed with the browser: a test may have more pages in it
  await page.goto(address);
  return page;
}

export const newName = () => `visitor-${process.pid}-${users += 1}`;

/** Asks the server without the page; `wait` is what `Retry-After` says, in seconds. */
export async function ask(method, path, { json, bearer } = {}) {
  const headers = { ...(json && { 'Content-Type': 'application/json' }), ...(bearer && { Authorization: `Bearer ${bearer}` }) };
  const response = await fetch(server.origin + path, { method, headers, body: json && JSON.stringify(json) });
  return { status: response.status, body: await response.json(), wait: Number(response.headers.get('Retry-After')) };
}

/** A new user, without the page; its name and tokens. */
export async function newcomer() {
  const username = newName();
  const json = { username, password: PASSWORD };
  assert.equal((await ask('POST', '/register', { json })).status, 201);
  return { username, ...(await ask('POST', '/login', { json })).body };
}

/** Guesses at a user's password until it must wait long enough for that to be seen, also on a machine with much other work. */
export async function mustWait(username) {
  const fail = () => ask('POST', '/login', { json: { username, password: 'wrong wrong wrong' } });
  for (let wait = 0; wait < 12; ({ wait } = await fail())) await delay(wait * 1000);
}

// --- The page ------------------------------------------------------------------------------------------------

export const step = (page, name) => page.getByRole('region', { name, exact: true });
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const log = (page) => step(page, 'Everything asked and answered').getByRole('listitem');

/** Waits until the verdict of an action begins with this. */
export async function answered(page, action, status) {
  await page.locator(`[data-curl="${action}"]`).getByRole('status').filter({ hasText: new RegExp(`^${status}`) }).waitFor();
}

/** Clicks, and waits for the verdict; that of the click before is not taken for this one's. */
export async function click(page, action, name, status) {
  await page.locator(`[data-curl="${action}"]`).getByRole('status').evaluate((verdict) => { verdict.textContent = ''; });
  await button(page, name).first().click();
  await answered(page, action, status);
}

export async function register(page, name = newName(), password = PASSWORD) {
  const form = step(page, 'Register');
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill(password);
  await button(form, 'Register').click();
  await answered(page, 'register', 201);
  return name;
}

export async function logIn(page, name, password = PASSWORD) {
  await step(page, 'Log in').getByLabel('Username').fill(name);
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(password);
  await click(page, 'login', 'Log in', 200);
}

export async function registerAndLogIn(page) {
  const name = await register(page);
  await click(page, 'login', 'Log in', 200);
  return name;
}

/** Goes to another area of the page. */
export const go = (page, area) => page.getByRole('navigation', { name: 'Areas' }).getByRole('link', { name: area }).click();

/** What the card about the cookie says. */
export const kept = (page) => page.getByRole('region', { name: 'This browser' });

export const stored = (page) => page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie }));
export const tokensOf = async (page) => JSON.parse((await stored(page)).session['doorward.session']).session;

/** A second tab with the same session, as when a tab is duplicated. */
export async function duplicate(t, page) {
  const { session } = await stored(page);
  const other = await watched(t, await page.context().newPage());
  await other.addInitScript((value) => { sessionStorage.getItem('doorward.session') ?? sessionStorage.setItem('doorward.session', value); }, session['doorward.session']);
  await other.goto(origin());
  await other.getByRole('banner').getByText('Signed in as').waitFor();
  return other;
}

/** What a button copies. */
export async function copied(page, what) {
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await what.click();
  await page.waitForFunction(async () => await navigator.clipboard.readText() !== '');
  return page.evaluate(() => navigator.clipboard.readText());
}

export const copyCurl = (page, action) => copied(page, page.locator(`[data-shows=${action}]`).getByRole('button', { name: /^Copy curl/ }));

export async function fitsItsWidth(page, where = '') {
  const [has, may] = await page.evaluate(({ scrollWidth, clientWidth } = document.documentElement) => [scrollWidth, clientWidth]);
  assert.ok(has <= may, `${where}: the page is ${has} px wide in a window of ${may} px`);
}

export async function isAccessible(page, where) {
  await page.evaluate(axe); // an expression from outside is not under the page's policy
  const { violations } = await page.evaluate((values) => globalThis.axe.run({ runOnly: values }), RULES);
  assert.deepEqual(violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html).join(' | ')}`), []);
}

/** Presses Tab until the wanted element has the focus, which must be visible. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate((wanted) => {
      const element = document.activeElement;
      return element.matches(wanted) && element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none';
    }, selector);
    if (found) return;
  }
  assert.fail(`Tab never reached ${selector}`);
}
