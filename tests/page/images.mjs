// Makes the README's screenshots anew: `npm run images`, with DOORWARD_BIN and CHROMIUM as for the tests. They are small on purpose,
// at most 80 KB each.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startServer } from './server.mjs';

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));
mkdirSync(images, { recursive: true });
const server = await startServer();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] });

async function visit(colorScheme, viewport) {
  const page = await (await browser.newContext({ colorScheme, viewport })).newPage();
  await page.goto(server.origin);
  return page;
}

async function logIn(page, username) {
  await page.fill('#register-username', username);
  await page.fill('#register-password', 'a door’s blue kettle');
  await page.click('#register-form > button');
  await page.locator('[data-curl=register]').getByText('201').first().waitFor();
  await page.click('#login-form > button');
  await page.getByText(`Signed in as ${username}`).waitFor();
}

const steps = await visit('light', { width: 1000, height: 540 });
await logIn(steps, 'arun');
await steps.evaluate(() => { document.activeElement.blur(); document.querySelector('#call').scrollIntoView(); });
await steps.click('[data-action=test] > button');
await steps.locator('#call').getByText('Auth Checked').waitFor();
await steps.screenshot({ path: `${images}steps.png` });

const inspector = await visit('dark', { width: 460, height: 620 });
await logIn(inspector, 'mira');
await inspector.click('a[href="#inspect"]');
await inspector.getByRole('button', { name: 'My access token' }).click();
await inspector.getByText('Good: the server made it').waitFor();
await inspector.evaluate(() => { document.activeElement.blur(); document.querySelector('#inspector caption').scrollIntoView(); });
await inspector.screenshot({ path: `${images}inspector.png` });

await browser.close();
await server.stop();
