// The page in a real browser against the real server, used as a person would: by labels and buttons, by mouse
// and by keyboard. Screenshots are kept in screenshots/.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { startServer } from './server.mjs';

const axe = createRequire(import.meta.url)('axe-core').source;
const screenshots = fileURLToPath(new URL('screenshots/', import.meta.url));
const sh = (command) => promisify(execFile)('sh', ['-c', command]);

const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 320, height: 700 };
const PASSWORD = "a door's blue kettle";

let server;
let browser;
let users = 0;

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  server = await startServer();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens the page in a profile of its own; at the end of the test, the console must have stayed clean. */
async function open(t, options = {}, address = server.origin) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  page.expected = /^Failed to load resource: the server responded with a status of 4\d\d/; // a refused request is logged by the browser itself
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !page.expected.test(message.text())) complaints.push(message.text());
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  t.after(async () => {
    const violations = await page.evaluate(() => globalThis.violations);
    await context.close();
    assert.deepEqual({ complaints, violations }, { complaints: [], violations: [] });
  });
  await page.goto(address);
  return page;
}

const newName = () => `visitor-${process.pid}-${users += 1}`;
const step = (page, title) => page.getByRole('region', { name: title });
const button = (page, name) => page.getByRole('button', { name, exact: true });
const tokens = (page) => page.getByRole('complementary', { name: 'Your tokens' });
const curlOf = async (page, action) => page.locator(`[data-curl=${action}] .curl code`).textContent();

/** Waits until the verdict beside an action's button begins with this status. */
async function answered(page, action, status) {
  await page.locator(`[data-curl=${action}]`).getByRole('status').filter({ hasText: new RegExp(`^${status}`) }).waitFor();
}

async function register(page, name = newName(), password = PASSWORD) {
  const register = step(page, 'Register');
  await register.getByLabel('Username').fill(name);
  await register.getByLabel('Password', { exact: true }).fill(password);
  await button(register, 'Register').click();
  await answered(page, 'register', 201);
  return name;
}

async function registerAndLogIn(page) {
  const name = await register(page);
  await button(page, 'Log in').click();
  await answered(page, 'login', 200);
  return name;
}

async function click(page, action, name, status) {
  // The verdict of the click before must not be taken for this one's.
  await page.locator(`[data-curl=${action}]`).getByRole('status').evaluate((verdict) => { verdict.textContent = ''; });
  await button(page, name).click();
  await answered(page, action, status);
}

const stored = (page) => page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie }));

async function fitsItsWidth(page) {
  const [has, may] = await page.evaluate(({ scrollWidth, clientWidth } = document.documentElement) => [scrollWidth, clientWidth]);
  assert.ok(has <= may, `the page is ${has} px wide in a window of ${may} px`);
}

async function isAccessible(page, where) {
  // An expression from outside is not under the page's CSP.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html).join(' | ')}`), []);
}

test('register, log in, test, refresh, log out, refused', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await page.getByText(`Signed in as ${name}`).waitFor();
  const access = tokens(page).getByRole('article').filter({ hasText: 'Access token' });
  const refresh = tokens(page).getByRole('article').filter({ hasText: 'Refresh token' });
  await access.locator('.badge').getByText('fresh', { exact: true }).waitFor();
  await access.getByText(/^Expires in 1[45] min/).waitFor();
  await refresh.getByText(/^Expires in (30 d|29 d 23 h)/).waitFor();
  for (const claim of ['iss', 'iat', 'nbf', 'exp', 'sub', 'jti', 'type', 'fresh', 'sid', 'username', 'roles', 'alg', 'kid', 'typ']) {
    await access.getByRole('rowheader', { name: claim, exact: true }).waitFor();
  }
  await refresh.getByText('What it says').click();
  await refresh.getByRole('rowheader', { name: 'ctr', exact: true }).waitFor();

  await click(page, 'test', 'Call /test', 200);
  await step(page, 'Call the protected route').getByText('"message": "Auth Checked"').waitFor();
  await step(page, 'Call the protected route').getByText('X-Request-Id').first().waitFor();

  const before = JSON.parse((await stored(page)).session['doorward.session']).session;
  await click(page, 'refresh', 'Refresh', 200);
  const now = JSON.parse((await stored(page)).session['doorward.session']).session;
  assert.notEqual(now.access, before.access);
  assert.notEqual(now.refresh, before.refresh);
  await access.getByText('not fresh', { exact: true }).waitFor();
  await access.getByRole('row', { name: /^jti.*new/ }).waitFor();

  await click(page, 'logout', 'Log out', 200);
  await page.getByText('Not signed in').waitFor();
  assert.deepEqual(await stored(page), { session: {}, local: {}, cookies: '' });
  await click(page, 'oldAccess', 'See it refused', 401);
  await step(page, 'Log out').getByText('"error": "token_revoked"').waitFor();
  await step(page, 'Log out').getByText('WWW-Authenticate').waitFor();
  await click(page, 'oldRefresh', 'Try the old refresh token', 401);

  const history = await page.getByRole('region', { name: 'Everything asked and answered' }).getByRole('listitem').allTextContents();
  const lines = history.map((line) => /^(\w+ \S+?)(\d{3}) /.exec(line).slice(1).join(' ')).reverse();
  assert.deepEqual(lines, ['POST /register 201', 'POST /login 200', 'GET /test 200', 'POST /refresh 200',
    'POST /logout 200', 'GET /test 401', 'POST /refresh 401']);
});

test('the other questions, and deleting the account', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  const call = step(page, 'Call the protected route');
  await call.getByText('Other things to ask').click();
  await click(page, 'me', 'Who am I?', 200);
  await call.getByText(`The token speaks for ${name}`).waitFor();
  await click(page, 'user', 'Look up my user', 200);
  await click(page, 'bare', 'Call /test without a token', 401);
  await call.getByText('"error": "authorization_required"').waitFor();
  await click(page, 'keys', "Check my token's signature", 200);
  await call.getByText('The signature is good').waitFor();

  const logout = step(page, 'Log out');
  await click(page, 'refresh', 'Refresh', 200);
  await logout.getByText('Delete my account', { exact: true }).click();
  await click(page, 'remove', 'Delete my account for good', '(401|200)'); // 401 where these routes are guarded
  if (await logout.getByText('"error": "fresh_token_required"').count()) {
    await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
    await click(page, 'login', 'Log in', 200);
    await click(page, 'remove', 'Delete my account for good', 200);
  }
  await page.getByText('Not signed in').waitFor();
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
  await click(page, 'login', 'Log in', 401);
});

test('without a session nobody’s account can be deleted', async (t) => {
  const page = await open(t);
  const asked = [];
  page.on('request', (request) => asked.push(request.method()));
  await page.getByText('Delete my account', { exact: true }).click();
  await button(page, 'Delete my account for good').click();
  await step(page, 'Log out').getByText('Log in first (step 2).').waitFor();
  assert.ok(!asked.includes('DELETE'));
});

test('the server’s complaints stand beside the fields they are about', async (t) => {
  const page = await open(t);
  const form = step(page, 'Register');
  await click(form, 'register', 'Register', 422);
  for (const label of ['Username', 'Password']) {
    const input = form.getByLabel(label, { exact: true });
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    const fault = (await input.getAttribute('aria-describedby')).split(' ').pop();
    assert.notEqual(await page.locator(`#${fault}`).textContent(), '');
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), 'register-username');
  await isAccessible(page, 'with faults');

  const name = await register(page);
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await click(form, 'register', 'Register', 409);
  await form.getByText('Username already exist', { exact: true }).waitFor();

  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill('not my password');
  await click(page, 'login', 'Log in', 401);
  await step(page, 'Log in').getByText('Invalid credentials', { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'login-password');
});

test('the keyboard alone is enough', async (t) => {
  const page = await open(t);
  /** Tab until the wanted element has the focus, which must be visible. */
  const tabTo = async (what) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate((selector) => {
        const element = document.activeElement;
        return element.matches(selector) && element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none';
      }, what);
      if (found) return;
    }
    assert.fail(`Tab never reached ${what}`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to step 1');
  await page.keyboard.press('Enter');
  await tabTo('#register-username');
  await page.keyboard.type(newName());
  await tabTo('#register-password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await answered(page, 'register', 201);
  await page.keyboard.press('Enter'); // the focus went on to "Log in", both fields filled in
  await answered(page, 'login', 200);
  await page.keyboard.press('Enter'); // and to "Call /test"
  await answered(page, 'test', 200);
  await tabTo('[data-action=refresh]');
  await page.keyboard.press('Enter');
  await answered(page, 'refresh', 200);
  await tabTo('[data-action=logout]');
  await page.keyboard.press('Space');
  await answered(page, 'logout', 200);
  await tabTo('[data-action=oldAccess]');
  await page.keyboard.press('Space');
  await answered(page, 'oldAccess', 401);
});

test('a reload keeps the session, a new tab does not have it', async (t) => {
  const page = await open(t);
  const name = await registerAndLogIn(page);
  await page.reload();
  await page.getByText(`Signed in as ${name}`).waitFor();
  await click(page, 'test', 'Call /test', 200);
  const other = await page.context().newPage();
  await other.goto(server.origin);
  await other.getByText('Not signed in').waitFor();
  assert.deepEqual((await stored(page)).local, {});
});

test('the curl commands work as they are shown', async (t) => {
  const page = await open(t);
  const name = newName();
  const form = step(page, 'Register');
  await form.getByLabel('Username').fill(name);
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD); // it has a single quote
  assert.match((await sh(await curlOf(page, 'register'))).stdout, /^HTTP\/1.1 201 /);

  await step(page, 'Log in').getByLabel('Username').fill(name);
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
  assert.match((await sh(await curlOf(page, 'login'))).stdout, /^HTTP\/1.1 200 [\s\S]*"refresh_token"/);
  await click(page, 'login', 'Log in', 200);

  assert.match((await sh(await curlOf(page, 'test'))).stdout, /^HTTP\/1.1 200 [\s\S]*{"message":"Auth Checked"}/);
  assert.match((await sh(await curlOf(page, 'me'))).stdout, new RegExp(`"username":"${name}"`));
  assert.match((await sh(await curlOf(page, 'bare'))).stdout, /^HTTP\/1.1 401 /);
  assert.match((await sh(await curlOf(page, 'logout'))).stdout, /^HTTP\/1.1 200 [\s\S]*{"message":"User Logged out successfully"}/);
  assert.match((await sh(await curlOf(page, 'test'))).stdout, /^HTTP\/1.1 401 [\s\S]*"token_revoked"/);
});

test('the copy button copies the whole command', async (t) => {
  const page = await open(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  await registerAndLogIn(page);
  await button(page, 'Copy curl for GET /test').first().click();
  await page.getByText('Copied.', { exact: true }).waitFor({ state: 'attached' });
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await copied(), await curlOf(page, 'test'));
  assert.match(await copied(), /Bearer [\w-]+\.[\w-]+\.[\w-]+'$/);

  // Selecting by hand gets the password too, although dots are shown.
  await step(page, 'Log in').getByLabel('Password', { exact: true }).fill('blue kettle');
  await page.locator('[data-curl=login] .curl code').selectText();
  await page.keyboard.press('ControlOrMeta+c');
  assert.match(await copied(), /"password":"blue kettle"/);
});

test('a session that ended elsewhere is let go', async (t) => {
  const page = await open(t);
  await registerAndLogIn(page);
  await sh(await curlOf(page, 'logout'));
  await click(page, 'refresh', 'Refresh', 401);
  await page.getByText('Not signed in').waitFor();
  assert.deepEqual((await stored(page)).session, {});
});

test('an expired access token is shown as such, and logging out still works', async (t) => {
  const page = await open(t);
  await page.clock.install();
  await registerAndLogIn(page);
  await page.clock.fastForward('16:00');
  await tokens(page).getByText(/^Expired \d+ (s|min)/).waitFor();
  await click(page, 'logout', 'Log out', 200); // with the refresh token, which lives on
  await click(page, 'oldRefresh', 'Try the old refresh token', 401);
});

test('a password in a curl command is dots until it is asked for', async (t) => {
  const page = await open(t);
  const form = step(page, 'Register');
  await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
  const dots = () => page.locator('[data-curl=register] .secret').evaluate((secret) => getComputedStyle(secret).webkitTextSecurity);
  assert.equal(await dots(), 'disc');
  await form.getByLabel('Show password').check();
  assert.equal(await dots(), 'none');
  assert.equal(await form.getByLabel('Password', { exact: true }).getAttribute('type'), 'text');
});

test('a server out of reach, a busy one and a stranger are told apart', async (t) => {
  const page = await open(t);
  page.expected = /^Failed to load resource/;
  await registerAndLogIn(page);
  const call = step(page, 'Call the protected route');
  const answer = (reply) => page.route('**/test', reply, { times: 1 });

  await answer((route) => route.abort('connectionrefused'));
  await click(page, 'test', 'Call /test', 'No answer');
  await call.getByText(`The server at ${server.origin} cannot be reached.`).waitFor();

  await answer((route) => route.fulfill({ status: 503, headers: { 'Retry-After': '90' }, json: { code: 503, status: 'Service Unavailable', error: 'overloaded', message: 'Busy.' } }));
  await click(page, 'test', 'Call /test', 503);
  await call.getByText('Try again in 1 min 30 s.').waitFor();

  await answer((route) => route.fulfill({ status: 429, headers: { 'Retry-After': '5' }, json: { code: 429, status: 'Too Many Requests', error: 'too_many_requests', message: 'Wait.' } }));
  await click(page, 'test', 'Call /test', 429);
  await call.getByText('Try again in 5 s.').waitFor();

  await answer((route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<script>document.title = "taken over"</script>' }));
  await click(page, 'test', 'Call /test', 200);
  await call.getByText('This answer is not Doorward’s.').waitFor();
  await call.getByText('<script>document.title').waitFor(); // as text
  assert.notEqual(await page.title(), 'taken over');

  await click(page, 'test', 'Call /test', 200);
  await call.getByText('The server checked the token').waitFor();
});

const kept = (page) => page.getByRole('region', { name: 'This browser' });

async function keepSignedIn(page) {
  const name = await register(page);
  await page.getByLabel('Keep me signed in here').check();
  assert.match(await curlOf(page, 'login'), /"keep_signed_in":true/);
  await button(page, 'Log in').click();
  return name;
}

test('kept signed in on this browser: after a reload as well, until logged out', async (t) => {
  const page = await open(t);
  assert.equal(await kept(page).count(), 0);
  const name = await keepSignedIn(page);
  await answered(page, 'login', 200);
  await kept(page).getByText(`Signed in on this browser as ${name}.`).waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ['doorward', true, 'Lax', '/']);
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await kept(page).getByText(`Signed in on this browser as ${name}.`).waitFor();
  await page.getByText('Not signed in').waitFor(); // this tab has no tokens
  await isAccessible(page, 'kept signed in');
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${screenshots}light-wide-kept.png` });
  await button(page, 'Log out on this browser').click();
  await kept(page).waitFor({ state: 'hidden' });
  assert.deepEqual(await page.context().cookies(), []);
  const again = await fetch(`${server.origin}/verify`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } });
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
  await button(page, 'Log in').click();
  await answered(page, 'login', 200);
  await page.reload();
  await kept(page).getByText(`Signed in on this browser as ${name}.`).waitFor();
});

test('after the login one is back where one came from', async (t) => {
  const page = await open(t);
  await page.goto(`${server.origin}/?return=%2Fhealth%3Fa%3D1%2B2`);
  assert.equal(await page.getByLabel('Keep me signed in here').isChecked(), true);
  await register(page);
  await button(page, 'Log in').click();
  await page.waitForURL(`${server.origin}/health?a=1+2`);
  await page.goto(`${server.origin}/?return=%2Fhealth`);
  await kept(page).getByRole('link', { name: 'Go back to where you came from' }).click();
  await page.waitForURL(`${server.origin}/health`);
});

test('nobody is led away to another origin', async (t) => {
  const page = await open(t);
  const name = await register(page);
  const { origin, host } = new URL(server.origin);
  for (const hostile of ['//evil.example', 'https://evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', 'javascript:alert(1)',
    'data:text/html,x', 'http://', `blob:${origin}/x`, `${origin}.evil.example/`, `http://a@${host}/`]) {
    const asked = new Set();
    const note = (request) => asked.add(new URL(request.url()).origin);
    page.on('request', note);
    await page.goto(`${origin}/?return=${encodeURIComponent(hostile)}`);
    await step(page, 'Log in').getByLabel('Username').fill(name);
    await step(page, 'Log in').getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Keep me signed in here').check();
    await button(page, 'Log in').click();
    await answered(page, 'login', 200);
    await click(page, 'test', 'Call /test', 200); // still here
    await kept(page).waitFor();
    assert.equal(await kept(page).getByRole('link').count(), 0, hostile);
    assert.deepEqual([[...asked], new URL(page.url()).pathname], [[origin], '/'], hostile);
    page.off('request', note);
  }
});

test('under a path of a proxy everything is asked there', async (t) => {
  const front = createServer((request, answer) => {
    if (!request.url.startsWith('/auth/')) return answer.writeHead(404).end();
    const { hostname, port } = new URL(server.origin);
    const onward = forward({ hostname, port, method: request.method, path: request.url.slice('/auth'.length), headers: request.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    return request.pipe(onward);
  });
  await new Promise((listening) => { front.listen(0, '127.0.0.1', listening); });
  t.after(() => front.close());
  const origin = `http://127.0.0.1:${front.address().port}`;
  const page = await open(t);
  const missed = [];
  page.on('response', (response) => { if (response.status() === 404) missed.push(response.url()); });
  await page.goto(`${origin}/auth/`);
  const name = await keepSignedIn(page);
  await answered(page, 'login', 200);
  await kept(page).getByText(name).waitFor();
  await click(page, 'test', 'Call /test', 200);
  assert.ok((await curlOf(page, 'test')).includes(`${origin}/auth/test`));
  await button(page, 'Log out on this browser').click();
  await kept(page).waitFor({ state: 'hidden' });
  assert.equal(await page.getByRole('link', { name: 'Health' }).evaluate((link) => link.href), `${origin}/auth/health`);
  assert.deepEqual(missed, []);
});

for (const colorScheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries({ wide: WIDE, phone: PHONE })) {
    test(`${colorScheme}, ${size}: fits, is accessible, is photographed`, async (t) => {
      const page = await open(t, { colorScheme, viewport, reducedMotion: 'reduce' });
      const photograph = async (what) => {
        await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
        await fitsItsWidth(page);
        await isAccessible(page, what);
        await page.screenshot({ path: `${screenshots}${colorScheme}-${size}-${what}.png`, fullPage: true });
      };
      await photograph('start');
      await registerAndLogIn(page);
      await photograph('logged-in');
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true; }));
      await click(page, 'keys', "Check my token's signature", 200);
      await click(page, 'refresh', 'Refresh', 200);
      await click(page, 'logout', 'Log out', 200);
      await click(page, 'oldAccess', 'See it refused', 401);
      await photograph('logged-out');
    });
  }
}

test('the page is small, and asks nobody else', async (t) => {
  const page = await open(t);
  const seen = new Set();
  page.on('response', (response) => seen.add(response.url()));
  await page.goto(server.origin, { waitUntil: 'networkidle' });
  let total = 0;
  for (const path of ['/', '/app.js', '/style.css', '/favicon.svg']) {
    const response = await fetch(server.origin + path);
    assert.equal(response.status, 200, path);
    total += (await response.arrayBuffer()).byteLength;
  }
  console.log(`the page weighs ${total} bytes in all`);
  assert.ok(total < 60_000, `${total} bytes`);
  for (const url of seen) assert.ok(url.startsWith(server.origin), url);
  const type = async (path) => (await fetch(server.origin + path)).headers.get('content-type');
  assert.match(await type('/app.js'), /^text\/javascript/);
  assert.match(await type('/style.css'), /^text\/css/);
  assert.match(await type('/favicon.svg'), /^image\/svg\+xml/);
  assert.match(await type('/postman_collection.json'), /^application\/json/);
});

test('a set-up link makes the first administrator, once, and leaves the address bar', async (t) => {
  const own = await startServer('--setup-link');
  t.after(() => own.stop());
  const link = await own.setupLink;
  const page = await open(t, {}, link);
  assert.equal(await page.evaluate(() => location.hash), '');
  const setup = step(page, 'Set up');
  await setup.getByLabel('Username').fill('boss');
  await setup.getByLabel('Password', { exact: true }).fill('short');
  await button(page, 'Become the administrator').click();
  await answered(page, 'setup', 422);
  await setup.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.screenshot({ path: `${screenshots}/setup.png` });
  await button(page, 'Become the administrator').click();
  await answered(page, 'setup', 201);
  await button(page, 'Log in').click();
  await answered(page, 'login', 200);
  const roles = await page.evaluate(async () => {
    const { session } = JSON.parse(sessionStorage.getItem('doorward.session'));
    return (await (await fetch('/me', { headers: { Authorization: `Bearer ${session.access}` } })).json()).roles;
  });
  assert.deepEqual(roles, ['admin']);

  const late = await open(t, {}, link);
  await step(late, 'Set up').getByLabel('Username').fill('thief');
  await step(late, 'Set up').getByLabel('Password', { exact: true }).fill(PASSWORD);
  await button(late, 'Become the administrator').click();
  await answered(late, 'setup', 401);
  assert.match(await late.locator('[data-curl=setup]').getByRole('status').textContent(), /no good any more/);
});

test('without a set-up link nothing of it is shown', async (t) => {
  const page = await open(t);
  assert.equal(await page.locator('#setup').isVisible(), false);
});
