// Opens a page in a browser and passes calls on to the participant in it. Commands
// come as one JSON object a line and are answered in the same way:
//
//   {"id": 1, "call": "join", "args": [...]}   {"id": 1, "result": ...}
//   {"id": 2, "screenshot": "path.png"}        {"id": 2, "error": "..."}
//
// It says {"id": 0} when the page is there. When the input ends it closes the
// browser and is done. The browser ends by itself should this process be killed.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [modules, executablePath, profile, url] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, 'package.json'))('playwright-core');

process.stdout.on('error', () => {}); // nobody listens any more: the input ends, too
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 760, height: 560 },
  timeout: 60_000,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
try {
  const page = context.pages()[0] ?? await context.newPage();
  page.on('console', (m) => console.error(`page: ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => console.error(`page: ${e.stack ?? e}`));
  page.on('crash', () => console.error('page: crashed'));
  await page.goto(url);
  await page.waitForFunction(() => window.participant !== undefined);
  say({ id: 0, result: context.browser()?.version() ?? '' });

  const obey = async ({ id, call, args = [], screenshot }) => {
    try {
      const result = screenshot
        ? await page.screenshot({ path: screenshot }).then(() => null)
        : await page.evaluate(([name, list]) => window.participant[name](...list), [call, args]);
      say({ id, result: result ?? null });
    } catch (e) {
      say({ id, error: String(e.message ?? e) });
    }
  };
  const lines = createInterface({ input: process.stdin });
  lines.once('close', () => context.close()); // also in the middle of a call
  for await (const line of lines) await obey(JSON.parse(line));
} finally {
  await context.close();
}
