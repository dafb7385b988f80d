/** Chromium without a window, as an oracle for pages: it renders a file, runs a probe in it and returns what that found. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Command of the browser; undefined if none is installed. */
export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].find(
  (command) => spawnSync(command, ["--version"]).status === 0,
);

/** How a page is shown. */
export interface View {
  width: number;
  dark: boolean;
}

const MARK = "probe-result:";

/** Errors of scripts and resources that could not be loaded are collected from the first line on. */
const COLLECT = `<script>window.problems=[];addEventListener("error",(e)=>problems.push(e.message||"cannot load "+(e.target.src||e.target.href)),true)</script>`;

/** Renders `html`, runs `probe` (a function of the page, as text) and returns its value. Errors: Error if the browser failed. */
export function probed<T>(html: string, probe: string, { width, dark }: View): T {
  const folder = mkdtempSync(join(tmpdir(), "vmexit-page-"));
  try {
    const file = join(folder, "page.html");
    const script = `<script>addEventListener("load",()=>{document.title="${MARK}"+JSON.stringify((${probe})())})</script>`;
    writeFileSync(file, html.replace("<head>", `<head>${COLLECT}`).replace("</body>", `${script}</body>`));
    const { stdout, stderr, status } = spawnSync(
      CHROMIUM!,
      [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", `--user-data-dir=${folder}`],
        ...[`--window-size=${width},900`, "--virtual-time-budget=2000", "--dump-dom"],
        ...(dark ? ["--blink-settings=preferredColorScheme=0"] : []),
        pathToFileURL(file).href,
      ],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    const title = /<title>probe-result:(.*?)<\/title>/s.exec(stdout)?.[1];
    if (title === undefined) throw new Error(`chromium ended with ${status} and no result: ${stderr}`);
    return JSON.parse(title.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")) as T;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
