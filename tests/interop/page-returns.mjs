// The chat page when servers are restarted in order, crash, or all end and start again: it comes back by itself, through the gate, into its room, in
// either language. The chat example runs as processes.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { ChatCluster } from './chat-cluster.mjs';
import { Checks, tag } from './checks.mjs';
import { CHROMIUM, FLAGS, needBrowser } from './project-page.mjs';

const SOON_MS = 20_000;
/** The page waits longer before each attempt. */
const BACK_MS = 40_000;
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

/** What the page says in each language. */
const TEXTS = {
  'en-GB': { name: 'Your name', room: 'Room', join: 'Join the room', message: 'Message', back: 'Connected again.', lost: 'The connection was lost.' },
  'zh-CN': { name: '你的名字', room: '房间', join: '进入房间', message: '消息', back: '已重新连接。', lost: '连接断开了。' },
};

/** A user who has joined the room, and stays. */
class Guest {
  static async arrive(name, locale) {
    const guest = new Guest();
    const texts = (guest.texts = TEXTS[locale]);
    const page = (guest.page = await (await browser.newContext({ locale })).newPage());
    page.on('pageerror', error => checks.check(`${name}: no exceptions in the page`, false, error));
    await page.goto(`http://127.0.0.1:${cluster.pagePort}/?gate=127.0.0.1:${cluster.gatePort}`);
    await page.getByLabel(texts.name).fill(name);
    await page.getByLabel(texts.room, { exact: true }).fill(room);
    await page.getByRole('button', { name: texts.join }).click();
    await page.getByRole('textbox', { name: texts.message }).waitFor();
    return guest;
  }

  notices(text) {
    return this.page.locator('#log .notice').filter({ hasText: text }).count();
  }

  names() {
    return this.page.locator('#people-list .name').allTextContents();
  }

  hears(text) {
    return this.page.locator('#log .message').filter({ hasText: text }).count();
  }
}

const allOf = async (guests, ask, isRight) => (await Promise.all(guests.map(ask))).every(isRight);

/** Does something to servers, after which each guest has lost its connection so many times, and is back, with nobody pressing anything. */
async function survives(what, act, guests, times) {
  const before = await Promise.all(guests.map(guest => guest.notices(guest.texts.back)));
  await act();
  await allUp();
  await checks.until(`${what}: the pages to come back`, () => allOf(guests, guest => guest.notices(guest.texts.back), (count, n) => count >= before[n] + times), BACK_MS);
  await checks.until(`${what}: both lists to be whole`, () => allOf(guests, guest => guest.names(), list => [...list].sort().join() === 'Ann,小明'), BACK_MS);
  for (const { page } of guests) checks.check(`${what}: the page is in its room, not at the login form`, (await page.locator('#chat').isVisible()) && !(await page.locator('#join').isVisible()));
  const text = `after: ${what}`;
  await guests[0].page.locator('#text').fill(text);
  await guests[0].page.locator('#text').press('Enter');
  await checks.until(`${what}: both to hear`, () => allOf(guests, guest => guest.hears(text), count => count === 1), SOON_MS);
}

const restart = type => async () => checks.equal(`${type}s are restarted in order: done`, (await cluster.tool('restart', '--type', type)).code, 0);
const crash = type => async () => {
  const ids = [...(await cluster.list()).keys()].filter(id => id.startsWith(`${type}-`));
  await Promise.all(ids.map(id => cluster.signal(id, 'SIGKILL')));
};

async function stopAndStart() {
  checks.equal('all are stopped', (await cluster.tool('stop')).code, 0);
  await cluster.ended;
  cluster.start();
}

await checks.run(240_000, async () => {
  cluster = await ChatCluster.prepare(programs, { page: true });
  cluster.start();
  await allUp();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const guests = [await Guest.arrive('Ann', 'en-GB'), await Guest.arrive('小明', 'zh-CN')];
  await checks.until('each to see the other', () => allOf(guests, guest => guest.names(), list => list.length === 2));
  await survives('connectors are restarted in order', restart('connector'), guests, 1);
  await survives('the gate is restarted in order', restart('gate'), guests, 0);
  await survives('chat servers are restarted in order', restart('chat'), guests, 0);
  for (const guest of guests) checks.equal('nobody was thrown out and came back more often than connectors were restarted', await guest.notices(guest.texts.lost), 1);
  await survives('connectors crash', crash('connector'), guests, 1);
  await survives('all servers end and start again', stopAndStart, guests, 1);
}, async () => {
  await browser?.close();
  if (checks.failed) console.log(cluster.logs());
  await cluster?.end();
});
