// The page of a project that `pomelo init` made and whose server runs: its button asks the game server.
import { Checks } from './checks.mjs';
import { needBrowser, pageSaysOk } from './project-page.mjs';

const [pageUrl, screenshot] = process.argv.slice(2);
if (!pageUrl) {
  console.error('usage: node new-project.mjs <page url> [screenshot file]');
  process.exit(2);
}
needBrowser();

const checks = new Checks();
await checks.run(60_000, () => pageSaysOk(checks, pageUrl, screenshot));
