// The examples of clients/js/README.md against a running chat service: each prints what its comments say. They must have been checked
// before (`npm run check` in clients/js), which also compiles those in TypeScript.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { examples, programs } from '../../clients/js/test/readme.js';
import { Checks } from './checks.mjs';
import { CHROMIUM, FLAGS, needBrowser } from './project-page.mjs';

const SOURCES = new URL('../../clients/js/src/', import.meta.url);
const run = promisify(execFile);
const checks = new Checks();
needBrowser();

async function program({ name, file, prints }) {
  const { stdout, stderr } = await checks.within(name, run('node', [file.replace(/\.ts$/, '.js')], { timeout: 20_000 }), 20_000);
  checks.equal(`example ${name} prints what it says, and no warnings`, [stdout.trim().split('\n').sort(), stderr], [[...prints].sort(), '']);
}

/** The page, as a folder has it that any web server serves: `index.html`, and the client in `pomelo`. */
async function page({ name, text }) {
  const server = createServer(({ url }, response) => {
    const module = /^\/pomelo\/([a-z-]+\.js)$/.exec(url)?.[1];
    response.setHeader('content-type', module ? 'text/javascript' : 'text/html');
    response.end(module ? readFileSync(new URL(module, SOURCES)) : text);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const visit = await browser.newPage();
    visit.on('pageerror', error => checks.check(`example ${name}: no exceptions in the page`, false, error));
    await visit.goto(`http://127.0.0.1:${server.address().port}/`);
    const users = await checks.until('the page to say who is there', () => visit.locator('#users').textContent());
    checks.equal(`example ${name}: the page says who is there`, users, 'bob');
  } finally {
    await browser.close();
    server.close();
  }
}

await checks.run(120_000, async () => {
  for (const example of programs()) await program(example);
  for (const example of examples().filter(({ language }) => language === 'html')) await page(example);
});
