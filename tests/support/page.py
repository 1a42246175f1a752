"""Helpers for the tests of the page in a browser."""

import threading
import time
from contextlib import contextmanager
from time import perf_counter

import numpy as np

from bridge.transports import Offer
from engine.ipc.ring import RingWriter

SHIFT = 8  # as a modifier
AT = "document.activeElement.id"


@contextmanager
def sending(*names):
    """Senders in shared memory whose pictures change; gives their offers."""
    rings = [RingWriter(name, 320, 180) for name in names]
    stop = threading.Event()

    def work():
        number = 0
        while not stop.wait(0.05):
            number += 1
            for ring in rings:
                ring.write(np.full((180, 320, 4), number % 200, np.uint8), perf_counter(), number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield [Offer(uri=f"shm:{name}", text="320x180 from process 1") for name in names]
    finally:
        stop.set()
        thread.join()
        for ring in rings:
            ring.unlink()
            ring.close()


def tile(uri):
    """The button of one offer, or undefined."""
    return f"""[...document.querySelectorAll(".tiles button")]
        .find((e) => e.querySelector("b").innerText === "{uri}")"""


def typed(page, text):
    """Type into the field for any source."""
    page.run(f"""(() => {{
      const field = document.querySelector("#sources input");
      field.value = {text!r};
      field.form.requestSubmit();
    }})()""")


def thumbnails(page):
    """How often one was asked for."""
    page.run("1")  # so that the events are read
    return len([url for url in page.requested() if "/thumbnail" in url])


def until(true, timeout=30.0):
    end = perf_counter() + timeout
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.01)


def move(page, name, value, event="input"):
    page.run(f"""(() => {{
      const field = document.getElementById("control-{name}");
      if (field.type === "checkbox") field.checked = {str(bool(value)).lower()};
      else field.value = {value!r};
      field.dispatchEvent(new Event("{event}", {{bubbles: true}}));
    }})()""")


def dragged(data, name):
    """What puts a file into `carried`."""
    return f"carried.items.add(new File([new Uint8Array({list(data)})], {name!r}))"


def drop(page, carries):
    """Drop something anywhere on the page."""
    page.run(f"""(() => {{
        const carried = new DataTransfer();
        {carries};
        document.querySelector("h1").dispatchEvent(new DragEvent("drop",
            {{dataTransfer: carried, bubbles: true, cancelable: true}}));
    }})()""")


def unfold(page):
    page.run("for (const part of document.querySelectorAll('details')) part.open = true")


def shown(page, name):
    return page.run(f"document.getElementById('control-{name}').value")


def number(page, name, text):
    """Type into the number of a fader, and leave it."""
    page.run(f"""(() => {{
        const field = document.querySelector('[aria-label="{name} as a number"]');
        field.value = {text!r};
        field.dispatchEvent(new Event("change", {{bubbles: true}}));
    }})()""")
