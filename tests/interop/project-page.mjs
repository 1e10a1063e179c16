// The page of a project that `pomelo init` made, in headless Chromium.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** Where the browser is, and how it is started. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Ends the process if there is no browser. */
export function needBrowser() {
  if (existsSync(CHROMIUM)) return;
  console.error(`no ${CHROMIUM}: install chromium, or name one in the environment variable CHROMIUM`);
  process.exit(2);
}

/** Presses the page's button, which asks the game server. */
export async function pageSaysOk(checks, url, screenshot) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage();
    page.on('console', message => message.type() === 'error' && checks.check('no errors in the console', false, message.text()));
    page.on('pageerror', error => checks.check('no exceptions in the page', false, error));
    await page.goto(url);
    const answer = page.getByRole('status');
    checks.equal('nothing is answered before it is asked', await answer.textContent(), '');
    await page.getByRole('button', { name: 'Test game server' }).click();
    await checks.until('an answer', async () => !['', null].includes(await answer.getAttribute('class')));
    checks.equal('the game server says that it is ok', await answer.textContent(), 'game server is ok.');
    if (screenshot) await page.screenshot({ path: screenshot });
  } finally {
    await browser.close();
  }
}
