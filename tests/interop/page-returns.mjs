// The chat page when servers are restarted in order: it comes back by itself, through the gate, into its room. The chat example runs as processes.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { ChatCluster } from './chat-cluster.mjs';
import { Checks, tag } from './checks.mjs';
import { CHROMIUM, FLAGS, needBrowser } from './project-page.mjs';

const SOON_MS = 20_000;
const SERVERS = 8; // a master, a gate, three connectors and three chat servers

const programs = { chat: process.argv[2], tool: process.argv[3] };
if (!Object.values(programs).every(program => program && existsSync(program))) {
  console.error('usage: node page-returns.mjs <the chat example> <the pomelo tool>');
  process.exit(2);
}
for (const name of Object.keys(programs)) programs[name] = resolve(programs[name]);
needBrowser();

const checks = new Checks();
const room = `Garden ${tag()}`;
let cluster;
let browser;

const allUp = () =>
  checks.until('all servers to be up', async () => {
    const list = [...(await cluster.list()).values()];
    return list.length === SERVERS && list.every(({ state }) => state === 'up');
  }, SOON_MS);

/** A page whose user has joined the room. */
async function joined(name) {
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  page.on('pageerror', error => checks.check(`${name}: no exceptions in the page`, false, error));
  await page.goto(`http://127.0.0.1:${cluster.pagePort}/?gate=127.0.0.1:${cluster.gatePort}`);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Room', { exact: true }).fill(room);
  await page.getByRole('button', { name: 'Join the room' }).click();
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  return page;
}

const notices = (page, text) => page.locator('#log .notice').filter({ hasText: text }).count();
const names = page => page.locator('#people-list .name').allTextContents();

/** Restarts the servers of a type; each page loses its connection so many times and is back, with nobody pressing anything. */
async function restart(type, pages, times) {
  const what = `${type}s are restarted in order`;
  const before = await Promise.all(pages.map(page => notices(page, 'Connected again.')));
  checks.equal(`${what}: done`, (await cluster.tool('restart', '--type', type)).code, 0);
  await allUp();
  const again = async () => (await Promise.all(pages.map(page => notices(page, 'Connected again.')))).every((count, n) => count >= before[n] + times);
  await checks.until(`${what}: the pages to come back`, again, SOON_MS);
  await checks.until(`${what}: both lists to be whole`, async () => (await Promise.all(pages.map(names))).every(list => [...list].sort().join() === 'Ann,Bob'), SOON_MS);
  for (const page of pages) checks.check(`${what}: the page is in its room, not at the login form`, (await page.locator('#chat').isVisible()) && !(await page.locator('#join').isVisible()));
  const text = `after the ${type}s`;
  await pages[0].locator('#text').fill(text);
  await pages[0].locator('#text').press('Enter');
  await checks.until(`${what}: both to hear`, async () => (await Promise.all(pages.map(page => page.locator('#log .message').filter({ hasText: text }).count()))).every(count => count === 1), SOON_MS);
}

await checks.run(90_000, async () => {
  cluster = await ChatCluster.prepare(programs, { page: true });
  cluster.start();
  await allUp();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const pages = [await joined('Ann'), await joined('Bob')];
  await checks.until('each to see the other', async () => (await Promise.all(pages.map(names))).every(list => list.length === 2));
  await restart('connector', pages, 1);
  await restart('gate', pages, 0);
  await restart('chat', pages, 0);
  for (const page of pages) checks.equal('nobody was thrown out and came back more often than connectors were restarted', await notices(page, 'The connection was lost.'), 1);
}, async () => {
  await browser?.close();
  if (checks.failed) console.log(cluster.logs());
  await cluster?.end();
});
