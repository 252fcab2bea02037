// Looks at pages as people do: in a light or dark room, on a phone, on paper, with
// and without JavaScript. Commands come as one JSON object a line and are answered
// in the same way; see Look in look_test.go for their fields.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [modules, executablePath] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const { source: axe } = require('axe-core');

process.stdout.on('error', () => {}); // nobody listens any more: the input ends, too
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

const browser = await chromium.launch({
  executablePath,
  timeout: 60_000,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// see runs in the page.
const see = () => ({
  title: document.title,
  headline: document.querySelector('h1')?.innerText.replace(/\s+/g, ' ').trim() ?? '',
  live: document.getElementById('live')?.textContent ?? '',
  old: document.body.classList.contains('old'),
  width: document.documentElement.scrollWidth,
  green: document.querySelector('.verdict.good') !== null,
  refresh: document.querySelector('meta[http-equiv=refresh]')?.content ?? '',
  background: getComputedStyle(document.body).backgroundColor,
  open: [...document.querySelectorAll('details[open]')].map((d) => d.id).filter(Boolean),
  focus: document.activeElement?.getAttribute('href') ?? document.activeElement?.closest('details')?.id ?? '',
});

async function look({ url, width = 1280, height = 900, scheme = 'light', media = 'screen', plain = false, password, picture, whole = false, judge = false, acts = [] }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: !plain,
    ...(password ? { httpCredentials: { username: 'anybody', password } } : {}),
  });
  try {
    const page = await context.newPage();
    const said = [];
    const asked = [];
    page.on('console', (m) => said.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => said.push(`error: ${e}`));
    page.on('request', (r) => asked.push(r.url()));
    if (acts.some((act) => act.pass)) await page.clock.install();
    await page.emulateMedia({ media, colorScheme: scheme });
    const answer = await page.goto(url);
    let passing = 0; // requests while time was made to pass
    for (const act of acts) {
      const before = asked.length;
      await perform(page, context, act);
      if (act.pass) passing += asked.length - before;
    }
    const seen = await page.evaluate(see);
    let violations = [];
    if (judge) {
      await page.evaluate(axe);
      const result = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
      violations = result.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.replace(/\s+/g, ' ')}`));
    }
    if (picture) await page.screenshot({ path: picture, fullPage: whole });
    return { ...seen, passing, status: answer?.status() ?? 0, said, asked, violations };
  } finally {
    await context.close();
  }
}

async function perform(page, context, act) {
  if (act.headline) await page.waitForFunction((text) => document.querySelector('h1')?.innerText.includes(text), act.headline, { timeout: 30_000 });
  if (act.live) await page.waitForFunction((text) => document.getElementById('live').textContent.includes(text), act.live, { timeout: 30_000 });
  if (act.offline !== undefined) await context.setOffline(act.offline);
  if (act.click) await page.click(act.click);
  if (act.focus) await page.focus(act.focus);
  if (act.pass) await page.clock.runFor(act.pass);
  if (act.hidden !== undefined) {
    const answered = act.asks ? page.waitForResponse(() => true).then((r) => r.finished()) : null;
    await page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }, act.hidden);
    await answered;
  }
  if (act.scroll) await page.locator(act.scroll).first().evaluate((e) => e.scrollIntoView());
  if (act.key) await page.keyboard.press(act.key);
}

try {
  say({ id: 0, result: browser.version() });
  const lines = createInterface({ input: process.stdin });
  lines.once('close', () => browser.close()); // also in the middle of a look
  for await (const line of lines) {
    const command = JSON.parse(line);
    try {
      say({ id: command.id, result: await look(command) });
    } catch (e) {
      say({ id: command.id, error: String(e.stack ?? e) });
    }
  }
} finally {
  await browser.close();
}
