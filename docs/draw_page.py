# pyright: basic
"""Films the page for README: `python -m docs.draw_page`.

The real page in chromium, on a real bridge with `stylize`, played by the script below: a prompt,
two cues by GO, the next one set blind and taken, a third cue. It needs chromium and Pillow, a
minute, and an idle machine: frames are taken as the page draws them.
"""

import base64
import io
import tempfile
import time
from pathlib import Path

from PIL import Image

from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from engine.catalog.rows import Catalog
from tests.support.chromium import browsing
from tests.support.rig import running_session

FILM = Path(__file__).parent / "page.webp"
WIDE, HIGH, SHOWN = 1360, 800, 1020  # pixels: of the window, and the width of the film
EVERY = 0.25  # seconds between frames at least
QUALITY = 62
LOOKS = (("sea", "blue ocean waves"), ("embers", "fire, red"), ("forest", "dark green forest"))
TYPE = """(() => {{
    const field = document.getElementById("control-{}");
    field.value = {!r};
    field.dispatchEvent(new Event("input", {{bubbles: true}}));
}})()"""
PRESS = "document.querySelector('[data-action=\"{}\"]').click()"
# What is done, and for how many seconds it is watched.
PLAY = (
    ("", 1.0),
    (TYPE.format("prompt", "gold circles"), 2.4),
    (PRESS.format("go"), 2.2),
    (PRESS.format("go"), 2.4),
    (PRESS.format("blind"), 0.8),
    (TYPE.format("prompt", "pink sakura"), 1.6),
    (PRESS.format("blind/take"), 2.6),
    (PRESS.format("go"), 2.4),
)


def film(page):
    """The frames of the play as pictures, and for how many milliseconds each is shown."""
    frames, times = [], []
    for does, seconds in PLAY:
        if does:
            page.run(does)
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            shot = page.call("Page.captureScreenshot", format="png")["data"]
            image = Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")
            frames.append(image.resize((SHOWN, SHOWN * HIGH // WIDE), Image.Resampling.LANCZOS))
            time.sleep(max(0.0, EVERY - (time.perf_counter() - began)))
            times.append(int(1000 * (time.perf_counter() - began)))
    return frames, times


def prepared(session):
    """Save looks and cues."""
    for number, (name, prompt) in enumerate(LOOKS, 1):
        session.store.update({"prompt": prompt})
        time.sleep(4)
        session.show.save(number, name)
        session.show.cues.add({"look": number, "name": name, "fade": 1})
    session.store.update({"prompt": "starry night"})
    time.sleep(3)


def main():
    """Write the film."""
    with tempfile.TemporaryDirectory() as folder, running_session(
        Path(folder), Catalog(), pipeline="stylize", source="demo:", size="512x288",
        output_size="1024x576",
    ) as rig, browsing(Path(folder)) as browser, browser.page() as page:  # fmt: skip
        rig.running("stylize")
        server = HttpServer(rig.session, Settings(port=0, folder=Path(folder)))
        server.bind()
        server.start()
        try:
            page.size(WIDE, HIGH)
            prepared(rig.session)
            page.go(f"http://127.0.0.1:{server.port}/")
            page.until("document.querySelectorAll('.cue .play img').length === 3")
            time.sleep(2)
            (first, *others), times = film(page)
        finally:
            server.close()
    first.save(FILM, save_all=True, append_images=others, duration=times, loop=0,
               quality=QUALITY, method=4, minimize_size=True, kmax=30)  # fmt: skip


if __name__ == "__main__":
    main()
