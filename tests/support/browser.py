"""A headless Chromium, where there is one: it opens a page, runs a script in it, and says what came of it."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

REPORT = """
<script>
window.addEventListener("error", (e) => problems.push(String(e.message)));
window.addEventListener("unhandledrejection", (e) => problems.push(String(e.reason)));
const problems = [], ready = async () => {
  while (![...document.querySelectorAll(".frame")].every((e) => e.dataset.ready === "yes")) {
    if (problems.length) throw new Error(problems[0]);
    await new Promise((r) => setTimeout(r, 20));
  }
};
const zoom = async (x0, x1, y0, y1) => {
  const frame = ccdFrames[0];
  await Plotly.relayout(frame.plot, { "xaxis.range": [x0, x1], "yaxis.range": [y0, y1] });
  await new Promise((r) => setTimeout(r, 50));
  await ready();
  return frame.part;
};
const rowsOf = ({ rows, columns, mean, extreme }) => Array.from({ length: rows }, (_, row) =>
  Array.from({ length: columns }, (_, column) => {
    const i = row * columns + column;
    return Number.isNaN(extreme[i]) ? mean[i] : extreme[i];
  }));
(async () => {
  let value = null;
  try { await ready(); value = await (async () => { SCRIPT })(); } catch (e) { problems.push(String(e)); }
  const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
  const pre = document.createElement("pre");
  pre.id = "outcome";
  pre.textContent = JSON.stringify({ value, problems, fetched });
  document.querySelectorAll("script").forEach((script) => script.remove());
  document.body.append(pre);
})();
</script>
"""


def chromium():
    """Give the path of a Chromium, or skip the test."""
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed, and BROWSER_PATH names none")
    return found


def run_in_page(page, script, tmp_path):
    """Open a page (HTML text), run the body of an async function in it, give what it returned.

    The test fails where the page logs an error, throws, or asks for anything from outside itself.
    """
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", REPORT.replace("SCRIPT", script) + "</body>"), encoding="utf-8")
    command = [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000", "--dump-dom"]
    command += ["--virtual-time-budget=60000", "--enable-logging=stderr", f"--user-data-dir={tmp_path}/browser"]
    ran = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=300, check=False)
    outcome = re.search(r'<pre id="outcome">(.*?)</pre>', ran.stdout, re.DOTALL)
    assert outcome, ran.stderr[-2000:]
    told = json.loads(html.unescape(outcome[1]))
    assert told["problems"] == []
    assert told["fetched"] == []
    said = re.findall(r"CONSOLE.*", ran.stderr)
    assert said == [], said
    return told["value"]
