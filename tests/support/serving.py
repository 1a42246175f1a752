"""A `spout-bridge serve` in a process of its own."""

import os
import re
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress

from tests.support.bridge import COMMAND, Running


class Serving(Running):
    """See `Running`."""

    @property
    def sessions(self):
        """What runs there."""
        return self.ask("sessions")["sessions"]

    def kill(self) -> None:
        """As a power cut would: its workers too, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def serving(folder, *arguments, port: int = 0, **more):
    """A server whose data is in `folder`."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port), "--folder", str(folder), *arguments],
        stderr=subprocess.PIPE, text=True, start_new_session=True, **more,
    )  # fmt: skip
    lines, found, ready = list[str](), list[int](), threading.Event()

    def listen() -> None:
        for line in process.stderr:
            lines.append(line)
            if match := re.search(r"Engines at wss?://[^:]+:(\d+)", line):
                found.append(int(match[1]))
                ready.set()
        ready.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert ready.wait(60)
        assert found, "".join(lines)
        yield Serving(process, found[0], lines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        thread.join(30)
        process.stderr.close()
