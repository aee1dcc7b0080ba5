"""A headless Chromium, driven over the DevTools protocol by pipes: no port, no package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
_SWITCHES = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--no-sandbox",  # as root, in a container
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
_PATIENCE_S = 30.0
HOSTILE = (
    "</script><script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title = 'run'\">",
    '"><svg onload="document.title = \'run\'">',
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='run'",
    "<!--<script>",
    "&lt;script&gt;document.title='run'&lt;/script&gt;",
    "__proto__",
    "\u202etxt.exe \u2028\u2029",
    "${document.title = 'run'}{{ 7 * 7 }}",
)
"""Titles, queries and names that would do something if they got out of their place."""


def program() -> str | None:
    """Where Chromium is; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A running Chromium; `requested` gets the address of each request that its pages make, `tabs` are those open."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, os.fdopen(from_browser, "rb")
        self._count = 0
        self._waiting = b""
        self.requested: list[str] = []
        self.tabs: list[Tab] = []

    def call(self, method: str, session: str = "", **params: Any) -> Any:
        """Call a method of the protocol, and give its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("method") == "Network.requestWillBeSent":
                self.requested.append(answer["params"]["request"]["url"])
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self) -> Any:
        while b"\0" not in self._waiting:
            part = os.read(self._from.fileno(), 2**16)
            assert part, "the browser has ended"
            self._waiting += part
        message, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> Tab:
        """Open a tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab = Tab(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        tab.call("Network.enable")
        tab.call("Page.enable")
        tab.call("Page.bringToFront")  # what is in the background waits
        self.tabs.append(tab)
        tab.go_to(url)
        return tab

    def close_tabs(self) -> None:
        """Close all that were opened."""
        while self.tabs:
            self.tabs.pop().call("Page.close")


class Tab:
    """A tab of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def go_to(self, url: str) -> None:
        """Load a page; it is there when this returns."""
        self.call("Page.navigate", url=url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def evaluate(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true, and give its value."""
        until = time.monotonic() + _PATIENCE_S
        while not (value := self.evaluate(script)):
            assert time.monotonic() < until, f"not so after {_PATIENCE_S} s: {script}"
            time.sleep(0.005)
        return value

    def press(self, key: str) -> None:
        """Press a key, and wait until the page that follows is there."""
        self.call("Page.bringToFront")
        self.evaluate("window.before = true")
        self.tap(key)
        self.wait("!window.before && document.readyState === 'complete'")

    def tap(self, key: str) -> None:
        """Press a key, whatever follows."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **({"text": key} if kind == "keyDown" else {}))

    def violations(self, *, dark: bool) -> Any:
        """What axe-core finds wrong, in light or dark: rules, and elements that break them."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.evaluate((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        told = "[one.id, one.nodes.map((node) => node.html.slice(0, 200))]"
        self.evaluate(f"axe.run().then((done) => {{ window.found = done.violations.map((one) => {told}) }})")
        return self.wait("window.found && [window.found]")[0]

    def screenshot(self, path: Path, *, width: int, height: int, dark: bool = False) -> None:
        """Write a picture of the page as a window of that size shows it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run a Chromium for the time of a block; `folder` gets its profile."""
    path = program()
    assert path is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    # the browser has them as 3 and 4: these numbers are free when the copies have others
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (to_browser[0], from_browser[1])]

    def hand_over() -> None:
        os.dup2(theirs[0], 3)
        os.dup2(theirs[1], 4)

    process = subprocess.Popen(  # noqa: S603 - the browser that was found
        [path, *_SWITCHES, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(3, 4),
        preexec_fn=hand_over,  # noqa: PLW1509 - nothing but system calls
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in (*theirs, to_browser[0], from_browser[1]):
        os.close(fd)
    browser = Browser(to_browser[1], from_browser[0])
    try:
        yield browser
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(to_browser[1])
        browser._from.close()


def texts(tab: Tab, selector: str) -> list[str]:
    """What the elements of a selector say."""
    elements = f"[...document.querySelectorAll({json.dumps(selector)})]"
    found: list[str] = tab.evaluate(f"{elements}.map((one) => one.textContent)")
    return found


def press(tab: Tab, label: str, *, within: str = "") -> None:
    """Press the first button with that label in what a selector names."""
    buttons = f"[...document.querySelectorAll({json.dumps(f'{within} button')})]"
    tab.evaluate(f"{buttons}.find((one) => one.textContent === {json.dumps(label)}).click()")


def fill(tab: Tab, label: str, value: str, *, within: str = "") -> None:
    """Choose or write, in what has that label in what a selector names."""
    script = f"""{{
        const labels = [...document.querySelectorAll({json.dumps(f"{within} label")})];
        const field = labels.find((one) => one.textContent.startsWith({json.dumps(label)})).lastChild;
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event(field.tagName === "INPUT" ? "input" : "change"));
    }}"""
    tab.evaluate(script)
