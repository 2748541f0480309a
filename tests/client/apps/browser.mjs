/** Opens a page in Chromium and prints what it reports: `node browser.mjs <url>`. */
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.error(message.text()));
  await page.goto(process.argv[2]);
  await page.waitForFunction(() => "result" in globalThis, null, { timeout: 30_000 });
  console.log(JSON.stringify(await page.evaluate(() => globalThis.result)));
} finally {
  await browser.close();
}
