"""A headless Chromium over a pipe of its DevTools protocol: pages opened, scripts run, processor time counted."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--remote-debugging-pipe",
)

TICKS = os.sysconf("SC_CLK_TCK")


class BrowserError(Exception):
    """A page did not do what was asked of it."""


def found():
    """Give the path of a Chromium, or None."""
    return os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One Chromium with one page."""

    def __init__(self, folder, width=1280, height=1000):
        down, up = os.pipe(), os.pipe()
        # the protocol is read at file 3 and written at file 4
        command = ["bash", "-c", f'exec "$@" 3<&{down[0]} 4>&{up[1]}', "-", found(), *SWITCHES]
        command += [f"--user-data-dir={folder}/profile", f"--window-size={width},{height}", "about:blank"]
        with Path(folder, "browser.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, pass_fds=(down[0], up[1]), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        os.close(down[0]), os.close(up[1])
        self.writing, self.reading = os.fdopen(down[1], "wb", 0), os.fdopen(up[0], "rb")
        self.number, self.rest, self.page = 0, b"", None
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.page = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.page = None
            self.ask("Browser.close")
        finally:
            self.process.wait(30)
            self.writing.close(), self.reading.close()

    def ask(self, method, **parameters):
        """Call a method of the protocol and give its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.page:
            message["sessionId"] = self.page
        self.writing.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            pass
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _next(self):
        while b"\0" not in self.rest:
            read = self.reading.read1(1 << 20)
            if not read:
                raise BrowserError("the browser ended")
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def run(self, script):
        """Run the body of an async function in the page and give what it returns."""
        ran = self.ask(
            "Runtime.evaluate", expression=f"(async () => {{ {script} }})()", awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in ran:
            raise BrowserError(ran["exceptionDetails"]["exception"].get("description", "the script failed"))
        return ran["result"].get("value")

    def open(self, path):
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())

    def wait(self, condition, seconds=120):
        """Wait until an expression is true in the page."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                raise BrowserError(f"not within {seconds} s: {condition}")
            time.sleep(0.05)

    def seconds(self):
        """Give the seconds of processor time that all processes of the browser have used."""
        return sum(_ticks(number) for number in _with_children(self.process.pid)) / TICKS

    def settled(self, pause=0.3, at_most=0.02):
        """Wait until the browser rests, thrice in a row, as others may keep it waiting; give its seconds then."""
        last, quiet = self.seconds(), 0
        while quiet < 3:
            time.sleep(pause)
            now = self.seconds()
            quiet = quiet + 1 if now - last <= at_most else 0
            last = now
        return last


def _with_children(number):
    found, parents = [number], {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if fields := _fields(stat):
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    for one in found:
        found += parents.get(one, [])
    return found


def _fields(stat):
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return None


def _ticks(number):
    """Give user and system ticks of a process and of its children that ended."""
    fields = _fields(Path(f"/proc/{number}/stat"))
    return sum(map(int, fields[11:15])) if fields else 0
