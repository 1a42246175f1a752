"""A headless Chromium over its DevTools protocol: what the tests of the page need, and no more."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --mute-audio
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --remote-debugging-port=0 --remote-allow-origins=*
""".split()  # noqa: SIM905 - as one would type them


class Calls:
    """Calls over one connection, and the events that come between."""

    def __init__(self, connection: ClientConnection) -> None:
        self._socket = connection
        self._number = 0
        self.events: list[dict] = []

    def call(self, method: str, **parameters):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)


class Page(Calls):
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(connection)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def hurry(self, times: float) -> None:
        """From the next page on, whatever waits for a time waits for a part of it only."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=f"""
            for (const name of ["setTimeout", "setInterval"]) {{
              const real = window[name];
              window[name] = (does, time, ...given) => real(does, time / {times}, ...given);
            }}
        """)  # fmt: skip

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, expression: str):
        """The value of an expression; promises are waited for."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression: str, timeout: float = 30.0):
        end = time.perf_counter() + timeout
        while not (value := self.run(expression)):
            assert time.perf_counter() < end, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip

    def press(self, key: str, code: int, modifiers: int = 0, text: str = "") -> None:
        """Press and release a key by its Windows code; shift is the modifier 8."""
        about = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text,
                  **about)  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def middle(self, selector: str) -> tuple[float, float]:
        """The middle of an element, in pixels of the window, scrolled into view."""
        return tuple(
            self.run(f"""(() => {{
            const found = document.querySelector({selector!r});
            found.scrollIntoView({{block: "center"}});
            const {{left, top, width, height}} = found.getBoundingClientRect();
            return [left + width / 2, top + height / 2];
        }})()""")
        )

    def drag(self, at: tuple[float, float], by: float, modifiers: int = 0) -> None:
        """Drag with the mouse, sideways."""
        x, y = at
        mouse = partial(self.call, "Input.dispatchMouseEvent", button="left", clickCount=1,
                        modifiers=modifiers, y=y)  # fmt: skip
        mouse(type="mousePressed", x=x, buttons=1)
        for part in (0.5, 1):
            mouse(type="mouseMoved", x=x + by * part, buttons=1)
        mouse(type="mouseReleased", x=x + by)

    def double_click(self, at: tuple[float, float]) -> None:
        for count in (1, 2):
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=count,
                          x=at[0], y=at[1])  # fmt: skip

    def swipe(self, at: tuple[float, float], by: tuple[float, float]) -> None:
        """Drag with a finger."""
        point = lambda part: [{"x": at[0] + by[0] * part, "y": at[1] + by[1] * part}]  # noqa: E731
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=point(0))
        for part in (0.25, 0.5, 0.75, 1):
            self.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=point(part))
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self, path: Path, whole: bool = True) -> None:
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def requested(self) -> list[str]:
        """Every address that the page asked for."""
        sent = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """Errors of scripts and of the console, but that a sender gave no thumbnail: one of another
        test may end while it is looked at.
        """
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded")
        found = [json.dumps(e["params"]) for e in self.events if e.get("method") in kinds]
        wrong = [text for text in found if '"level": "error"' in text or "exception" in text]
        return [text for text in wrong if "/api/v1/thumbnail?" not in text]


class Browser:
    """A running browser with an empty profile, for as many tabs as a module of tests wants."""

    def __init__(self, at: str, connection: ClientConnection) -> None:
        self._at, self._whole = at, Calls(connection)

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A tab of its own, which shares neither storage nor cache with any other."""
        context = self._whole.call("Target.createBrowserContext")["browserContextId"]
        try:
            window = {"url": "about:blank", "width": 780, "height": 524}
            tab = self._whole.call("Target.createTarget", browserContextId=context, **window)
            where = f"{self._at}/devtools/page/{tab['targetId']}"
            # Without a bound: a queue full of unread events makes the goodbye wait for 10 s.
            with connect(where, max_size=64 << 20, max_queue=None) as connection:
                yield Page(connection)
        finally:
            self._whole.call("Target.disposeBrowserContext", browserContextId=context)


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Start a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program and os.environ.get("CI"):
        pytest.fail("chromium must be installed where CI runs: apt-get install chromium")
    if not program:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    profile = folder / "profile"
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = profile / "DevToolsActivePort"
        end = time.perf_counter() + 60
        while not told.exists() or len(lines := told.read_text().split()) < 2:
            assert time.perf_counter() < end, "chromium did not start"
            time.sleep(0.02)
        at = f"ws://127.0.0.1:{lines[0]}"
        with connect(at + lines[1], max_queue=None) as connection:
            yield Browser(at, connection)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """Start a browser; gives one tab of it."""
    with browsing(folder) as browser, browser.page() as page:
        yield page
