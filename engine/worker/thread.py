"""The same worker as a thread of the calling process: for tests and debugging."""

import os
import threading

from engine.ipc.channel import BridgeChannel, WorkerChannel, bridge_end, worker_end


def start() -> BridgeChannel:
    """Start a worker thread and return the bridge's end of its channel."""
    to_worker, from_worker = os.pipe(), os.pipe()
    theirs = worker_end(os.fdopen(to_worker[0], "rb"), os.fdopen(from_worker[1], "wb"))
    threading.Thread(target=_run, args=(theirs,), name="engine worker", daemon=True).start()
    return bridge_end(os.fdopen(from_worker[0], "rb"), os.fdopen(to_worker[1], "wb"))


def _run(channel: WorkerChannel) -> None:
    from engine.worker.loop import Worker

    Worker(channel, own_process=False).run()
    channel.close()
