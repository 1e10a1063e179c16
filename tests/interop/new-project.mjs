// The page of a project that `pomelo init` made, in headless Chromium: its button asks the game server.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { Checks } from './checks.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const [pageUrl, screenshot] = process.argv.slice(2);
if (!pageUrl || !existsSync(CHROMIUM)) {
  console.error(pageUrl ? `no ${CHROMIUM}: install chromium, or name one in the environment variable CHROMIUM` : 'usage: node new-project.mjs <page url> [screenshot file]');
  process.exit(2);
}

const checks = new Checks();
let browser;

await checks.run(60_000, async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const page = await browser.newPage();
  page.on('console', message => message.type() === 'error' && checks.check('no errors in the console', false, message.text()));
  page.on('pageerror', error => checks.check('no exceptions in the page', false, error));
  await page.goto(pageUrl);
  const answer = page.getByRole('status');
  checks.equal('nothing is answered before it is asked', await answer.textContent(), '');
  await page.getByRole('button', { name: 'Test game server' }).click();
  await checks.until('an answer', async () => (await answer.getAttribute('class')) !== null && (await answer.getAttribute('class')) !== '');
  checks.equal('the game server says that it is ok', await answer.textContent(), 'game server is ok.');
  if (screenshot) await page.screenshot({ path: screenshot });
}, () => browser?.close());
