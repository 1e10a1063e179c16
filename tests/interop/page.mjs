// The chat page in headless Chromium: people who join, talk, whisper and leave; both languages; a phone; lines that break.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join as path } from 'node:path';
import { chromium } from 'playwright-core';
import { Checks, arguments_, tag } from './checks.mjs';
import { FrontendProxy } from './frontend-proxy.mjs';
import { CHROMIUM, FLAGS, needBrowser } from './project-page.mjs';

const require = createRequire(import.meta.url);
const { Package } = require('pomelo-protocol');

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const gate = arguments_('page.mjs', 'page url', '[screenshot folder]');
const pageUrl = new URL(gate.rest[0]);
const folder = gate.rest[1];
needBrowser();
if (folder) mkdirSync(folder, { recursive: true });

const checks = new Checks();
const room = `Garden ${tag()}`;
let browser;
let proxy;

/** One person at one page. Complains about every error that the browser reports, but for broken lines while those are wanted. */
class Visitor {
  lineMayBreak = false;
  sockets = [];

  static async open(name, options, { url = pageUrl, via = gate } = {}) {
    const visitor = new Visitor();
    visitor.name = name;
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    context.setDefaultTimeout(8_000);
    const page = (visitor.page = await context.newPage());
    page.on('console', message => {
      if (message.type() !== 'error' || (visitor.lineMayBreak && /^WebSocket connection to '\S+' failed/.test(message.text()))) return;
      checks.check(`${name}: no errors in the console`, false, message.text());
    });
    page.on('pageerror', error => checks.check(`${name}: no exceptions in the page`, false, error));
    page.on('response', response => response.status() >= 400 && checks.check(`${name}: no failed requests`, false, `${response.status()} ${response.url()}`));
    page.on('request', request => /^https?:/.test(request.url()) && new URL(request.url()).host !== url.host && checks.check(`${name}: nothing from elsewhere`, false, request.url()));
    page.on('websocket', socket => visitor.sockets.push(socket.url()));
    page.on('dialog', dialog => checks.check(`${name}: no text runs as a script`, false, dialog.message()));
    const address = new URL(url);
    const isDefault = via.host === url.hostname && via.port === 3014;
    if (!isDefault) address.searchParams.set('gate', `${via.host}:${via.port}`);
    await page.goto(address.href);
    return visitor;
  }

  async tryToJoin(name, inRoom = room) {
    await this.page.getByLabel('Your name').fill(name);
    await this.page.getByLabel('Room', { exact: true }).fill(inRoom);
    await this.page.getByRole('button', { name: 'Join the room' }).click();
  }

  async join(name) {
    await this.tryToJoin(name);
    await this.sees(this.page.getByRole('textbox', { name: 'Message' }));
  }

  async say(text) {
    const box = this.page.locator('#text');
    await box.fill(text);
    await box.press('Enter');
  }

  message(text) {
    return this.page.locator('#log .message').filter({ hasText: text });
  }

  notice(text) {
    return this.page.locator('#log .notice').filter({ hasText: text });
  }

  users() {
    return this.page.locator('#people-list .name').allTextContents();
  }

  sees(locator, ms) {
    return checks.until(`${this.name} to see ${locator}`, async () => (await locator.count()) === 1 && locator.isVisible(), ms);
  }

  /** Nothing sticks out of the page, or of what scrolls in it, to the right. */
  fits() {
    return this.page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const visible = [...document.body.querySelectorAll('*')].filter(e => e.checkVisibility() && !e.closest('.sprite, .follows .head'));
      return visible.filter(e => e.getBoundingClientRect().right > width + 0.5 || (e.matches('main, #log, #people') && e.scrollWidth > e.clientWidth)).map(e => e.id || e.className || e.tagName);
    });
  }

  async shoot(file) {
    if (folder) await this.page.screenshot({ path: path(folder, `${file}.png`), animations: 'disabled' });
  }
}

async function enteringNames(ann) {
  const { page } = ann;
  checks.equal('the page says its language', await page.locator('html').getAttribute('lang'), 'en');
  checks.equal('the name field has the focus', await page.evaluate(() => document.activeElement.id), 'name');
  await page.getByRole('button', { name: 'Join the room' }).click();
  checks.equal('without a name: told so', await page.getByRole('alert').first().textContent(), 'Please enter a name.');
  await ann.tryToJoin('a*b');
  checks.check('with an asterisk: told so', (await page.getByRole('alert').first().textContent()).includes('asterisk'));
  await ann.shoot('join');
}

async function talking(ann, bob, cat) {
  await ann.join('Ann');
  await inviting(ann, bob);
  checks.equal('after joining, one can type', await ann.page.evaluate(() => document.activeElement.id), 'text');
  await bob.join('Bob');
  await ann.sees(ann.notice('Bob came in.'));
  await cat.page.getByLabel('你的名字').fill('小明');
  await cat.page.getByLabel('房间', { exact: true }).fill(room);
  await cat.page.getByRole('button', { name: '进入房间' }).click();
  await ann.sees(ann.notice('小明 came in.'));
  checks.equal('the list starts with oneself', await ann.users(), ['Ann', 'Bob', '小明']);
  checks.check('a room has its name in the title', (await ann.page.title()).startsWith(room));

  await ann.say('Good morning! The first pomelos are in.');
  for (const visitor of [ann, bob, cat]) await visitor.sees(visitor.message('The first pomelos'));
  checks.check('one’s own message stands apart', await ann.message('The first pomelos').evaluate(e => e.classList.contains('own')));
  await cat.say('早上好！今年的柚子好大 😀');
  await ann.sees(ann.message('今年的柚子好大 😀'));

  const markup = '<img src=x onerror=alert(1)><b>not bold</b>';
  await bob.say(markup);
  await ann.sees(ann.message(markup));
  checks.equal('text is never markup', await ann.page.locator('#log .body img, #log .body b').count(), 0);

  await bob.page.locator('#text').fill('first line');
  await bob.page.locator('#text').press('Shift+Enter');
  await bob.page.locator('#text').pressSequentially('second line');
  await bob.page.locator('#text').press('Enter');
  await ann.sees(ann.message('second line'));
  checks.equal('Shift+Enter starts a line', await ann.message('second line').locator('.body').textContent(), 'first line\nsecond line');
  await ann.say(`https://example.org/${'long'.repeat(60)}`);
  await cat.sees(cat.message('longlong'));
  for (const visitor of [ann, cat]) checks.equal(`${visitor.name}: long words wrap`, await visitor.fits(), []);
}

/** Who is alone has a link, which leads others into the room. */
async function inviting(ann, bob) {
  const invite = ann.page.locator('#invite');
  await ann.sees(invite);
  const link = await ann.page.getByLabel('Link to this room').inputValue();
  checks.equal('the link is the page’s address', link, ann.page.url());
  await ann.shoot('alone');
  await ann.page.getByRole('button', { name: 'Copy link' }).click();
  await ann.sees(ann.page.getByRole('button', { name: 'Copied' }));
  await ann.page.locator('#text').focus();
  const direct = new URL(link);
  direct.searchParams.delete('gate'); // Ann's way there is for the lines that break
  await bob.page.goto(direct.href);
  checks.equal('it has the room', await bob.page.getByLabel('Room', { exact: true }).inputValue(), room);
  await bob.join('Bob');
  await ann.sees(ann.notice('Bob came in.'));
  checks.check('who has company needs no link', !(await invite.isVisible()));
  await bob.page.getByRole('button', { name: 'Leave' }).click();
  await ann.sees(ann.notice('Bob left.'));
  await ann.page.locator('#log').evaluate(log => log.querySelectorAll('.notice:not(:first-child)').forEach(notice => notice.remove()));
}

/** Addresses lead somewhere; the sentence around them doesn't. */
async function linking(ann, bob) {
  await bob.say('See https://example.org/a_(b)?c=1#d, (http://example.org/e). 看：https://example.org/柚子。javascript:alert(1) https://');
  await ann.sees(ann.message('javascript:alert(1)'));
  const links = await ann.message('javascript:alert(1)').locator('a').evaluateAll(all => all.map(({ href, textContent, target, rel }) => [decodeURI(href), textContent, target, rel.includes('noopener')]));
  const addresses = ['https://example.org/a_(b)?c=1#d', 'http://example.org/e', 'https://example.org/柚子'];
  checks.equal('addresses can be clicked', links, addresses.map(address => [address, address, '_blank', true]));
}

/** Who talks on under one name sees when. */
async function timing() {
  const dora = await Visitor.open('Dora', { ...DESKTOP, locale: 'en-US', timezoneId: 'UTC' });
  await dora.tryToJoin('Dora', `${room} at night`);
  await dora.sees(dora.page.getByRole('textbox', { name: 'Message' }));
  for (const time of ['22:59:50', '22:59:58', '23:00:05', '23:00:09', '23:10:00']) {
    await dora.page.clock.setFixedTime(new Date(`2026-03-01T${time}Z`));
    await dora.say(`it is ${time}`);
    await dora.sees(dora.message(`it is ${time}`));
  }
  const shown = await dora.page.locator('#log .message').evaluateAll(all =>
    all.map(message => ['.who', 'time'].map(part => message.querySelector(part)).filter(part => part.getBoundingClientRect().width > 1 && part.parentElement.getBoundingClientRect().height > 1).map(part => part.textContent)));
  checks.equal('a run has its name once, and the time once a minute', shown, [['You', '10:59 PM'], [], ['11:00 PM'], [], ['You', '11:10 PM']]);
  await dora.shoot('night');
  await dora.page.context().close();
}

async function reading(ann, cat) {
  const more = cat.page.getByRole('button', { name: '有新消息' });
  checks.check('who follows is not told of new messages', !(await more.isVisible()));
  await cat.page.locator('#log').evaluate(log => (log.scrollTop = 0));
  await cat.page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))); // scroll events come with a frame
  await ann.say('something below');
  await cat.sees(more);
  checks.equal('who reads above is not moved', await cat.page.locator('#log').evaluate(log => log.scrollTop), 0);
  await more.click();
  await checks.until('the end of the list', () => cat.page.locator('#log').evaluate(log => log.scrollHeight - log.scrollTop - log.clientHeight < 2));
  checks.check('the button leads there and goes', !(await more.isVisible()));
}

async function whispering(ann, bob, cat) {
  await bob.page.getByRole('button', { name: 'Whisper to Ann' }).click();
  checks.equal('a click on a name makes it the target', await bob.page.getByLabel('To', { exact: true }).inputValue(), 'Ann');
  await bob.shoot('whisper');
  await bob.say('between us');
  await ann.sees(ann.message('between us'));
  await bob.sees(bob.message('between us'));
  checks.equal('the target reads who whispers', await ann.message('between us').locator('.who').textContent(), 'Bob whispers to you');
  checks.equal('the sender reads to whom', await bob.message('between us').locator('.who').textContent(), 'You whisper to Ann');
  await bob.page.getByLabel('To', { exact: true }).selectOption('*');
  await bob.say('for all again');
  await cat.sees(cat.message('for all again'));
  checks.equal('nobody else reads a whisper', await cat.message('between us').count(), 0);
}

async function languages(ann) {
  const { page } = ann;
  await page.getByRole('button', { name: '中文' }).click();
  checks.equal('Chinese: the lang attribute', await page.locator('html').getAttribute('lang'), 'zh-CN');
  checks.equal('Chinese: the button', await page.locator('#send').textContent(), '发送');
  checks.equal('Chinese: what was said before the switch', await ann.message('between us').locator('.who').textContent(), 'Bob 悄悄对你说');
  await ann.sees(ann.notice('Bob 进来了。'));
  const left = await page.evaluate(() => [...document.querySelectorAll('[data-text], [data-label], [data-hint]')].filter(e => e.checkVisibility() && /[A-Za-z]{4}/.test(e.dataset.text ? e.textContent.replace('Pomelo', '') : (e.ariaLabel ?? e.placeholder))).map(e => e.outerHTML));
  checks.equal('Chinese: nothing is left in English', left, []);
  await ann.shoot('chinese');
  await page.reload();
  checks.equal('the choice is remembered', await page.locator('html').getAttribute('lang'), 'zh-CN');
  await ann.sees(page.getByRole('textbox', { name: '消息' }));
  await ann.sees(ann.notice('你进入了房间'));
  await checks.until('both after a reload', async () => (await ann.users()).join() === 'Ann,Bob');
  checks.check('a reload comes back into the room', await page.locator('#chat').isVisible());
  await page.getByRole('button', { name: 'English' }).click();
  checks.equal('English: the lang attribute', await page.locator('html').getAttribute('lang'), 'en');
}

async function onThePhone(cat) {
  const { page } = cat;
  checks.equal('the phone speaks Chinese by itself', await page.locator('html').getAttribute('lang'), 'zh-CN');
  checks.check('the list is folded away', !(await page.locator('#people').isVisible()));
  const toggle = page.getByRole('button', { name: '3 人在场' });
  await toggle.click();
  await cat.sees(page.locator('#people'));
  checks.equal('and says when it is not', await toggle.getAttribute('aria-expanded'), 'true');
  checks.equal('the list fits', await cat.fits(), []);
  checks.equal('how many are here is said once', await page.getByText('3 人在场').evaluateAll(all => all.filter(e => e.checkVisibility()).length), 1);
  checks.check('nothing can be written under the list', !(await page.locator('#composer').isVisible()));
  await cat.shoot('phone-people');
  await page.keyboard.press('Escape');
  checks.check('Escape folds it again', !(await page.locator('#people').isVisible()));
  checks.check('and one can write', await page.locator('#composer').isVisible());
  await cat.shoot('phone');
  const small = await page.evaluate(() => [...document.querySelectorAll('button, input, select, textarea')].filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 32).map(e => e.id || e.textContent));
  checks.equal('nothing to touch is too small', small, []);
}

async function twice() {
  const double = await Visitor.open('double', DESKTOP);
  await double.tryToJoin('Bob');
  await double.sees(double.page.getByRole('alert').filter({ hasText: `“Bob” is already logged in to “${room}”.` }));
  checks.check('a duplicate login is told as such', await double.page.locator('#join').isVisible());
  await double.shoot('duplicate');
  await double.page.context().close();

  const lost = await Visitor.open('lost', DESKTOP, { via: { host: '127.0.0.1', port: await unusedPort() } });
  lost.lineMayBreak = true;
  await lost.tryToJoin('Lost');
  await lost.sees(lost.page.getByRole('alert').filter({ hasText: 'No answer from the server' }), 15_000);
  checks.check('a gate that isn’t there is told as such', true);
  await lost.page.context().close();

  if (pageUrl.hostname !== '127.0.0.1') return;
  const url = new URL(pageUrl);
  url.hostname = 'localhost';
  const local = await Visitor.open('local', DESKTOP, { url });
  await local.join('Local');
  checks.equal('a connector on a loopback host is looked for where the page is from', new URL(local.sockets.at(-1)).hostname, 'localhost');
  await local.page.context().close();
}

async function leaving(ann, bob, cat) {
  await bob.page.getByLabel('To', { exact: true }).selectOption('小明');
  await cat.page.getByRole('button', { name: '离开' }).click();
  await cat.sees(cat.page.getByLabel('你的名字'));
  checks.equal('leaving leads back to the start', await cat.page.evaluate(() => document.activeElement.id), 'name');
  await bob.sees(bob.notice('小明 left.'));
  await checks.until('the list without the leaver', async () => (await ann.users()).join() === 'Ann,Bob');
  checks.equal('who left is gone from the list', await ann.users(), ['Ann', 'Bob']);
  await bob.say('are you still there?');
  await bob.sees(bob.page.getByRole('alert').filter({ hasText: '小明 isn’t here.' }));
  checks.equal('a whisper to somebody gone is not told to everyone', [await ann.message('are you still there?').count(), await bob.page.locator('#text').inputValue()], [0, 'are you still there?']);
  await bob.page.getByLabel('To', { exact: true }).selectOption('*');
}

async function breaking(ann, bob) {
  ann.lineMayBreak = true;
  proxy.refuse(true);
  proxy.cut();
  const status = ann.page.locator('#status');
  await ann.sees(status);
  checks.check('a broken line is told', (await status.textContent()).includes('Connection lost.'));
  await checks.until('a later attempt', async () => /Attempt [2-9]/.test(await status.textContent()));
  const seconds = async () => Number(/in (\d+) s/.exec(await status.textContent())?.[1] ?? NaN);
  await checks.until('seconds to count down', async () => {
    const first = await seconds();
    return first > 1 && checks.until('the next second', async () => (await seconds()) < first);
  }, 15_000);
  checks.check('the seconds count down', true);
  checks.equal('the list of users is cleared', await ann.users(), []);
  checks.check('nothing can be sent', await ann.page.locator('#send').isDisabled());
  await ann.shoot('lost');
  await bob.sees(bob.notice('Ann left.'));

  proxy.refuse(false);
  await ann.page.getByRole('button', { name: 'Try now' }).click();
  await ann.sees(ann.notice('Connected again.'));
  checks.check('the bar is gone', !(await status.isVisible()));
  ann.lineMayBreak = false;
  await checks.until('Bob to see Ann come in again', async () => (await bob.notice('Ann came in.').count()) > 0);
  await checks.until('both to be there again', async () => (await ann.users()).join() === 'Ann,Bob');
  await bob.say('welcome back');
  await ann.sees(ann.message('welcome back'));

  ann.lineMayBreak = true;
  proxy.cut();
  await checks.until('a return without a click', async () => (await ann.notice('Connected again.').count()) === 2, 15_000);
  checks.check('the line comes back by itself', true);
  ann.lineMayBreak = false;
}

async function kicked(ann) {
  proxy.inject(Package.encode(Package.TYPE_KICK, Buffer.from('{"reason":"too many pomelos"}')));
  await ann.sees(ann.page.getByRole('alert').filter({ hasText: 'Reason given: too many pomelos' }));
  checks.check('a kick shows its reason', await ann.page.locator('#join').isVisible());
  await ann.shoot('kicked');
}

function unusedPort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

await checks.run(150_000, async () => {
  proxy = await FrontendProxy.start(gate.host, gate.port);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const ann = await Visitor.open('Ann', DESKTOP, { via: { host: '127.0.0.1', port: proxy.port } });
  const bob = await Visitor.open('Bob', { ...DESKTOP, colorScheme: 'dark' });
  const cat = await Visitor.open('小明', { ...PHONE, locale: 'zh-CN' });
  await cat.shoot('phone-join');
  checks.check('on a phone the form is in view, and no fruit', (await cat.page.locator('#join-button').evaluate(e => e.getBoundingClientRect().bottom <= innerHeight / 2 + 120)) && !(await cat.page.locator('.fruit').isVisible()));
  await bob.shoot('dark-join');
  await enteringNames(ann);
  await talking(ann, bob, cat);
  await linking(ann, bob);
  await timing();
  await reading(ann, cat);
  await whispering(ann, bob, cat);
  await ann.shoot('room');
  await bob.shoot('dark');
  await onThePhone(cat);
  await leaving(ann, bob, cat);
  await twice();
  await breaking(ann, bob);
  await languages(ann);
  await kicked(ann);
  await ann.page.reload();
  await ann.sees(ann.page.getByLabel('Your name'));
  checks.check('who was put out does not come back by a reload', await ann.page.locator('#join').isVisible());
}, async () => {
  proxy?.close();
  await browser?.close();
});
