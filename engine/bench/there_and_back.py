"""The least that an engine on another machine costs: two processes that encode, send and decode
images both ways, by one WebSocket, and do nothing else.

`python -m engine.bench.there_and_back IMAGES.npy FPS CODING SECONDS` prints JSON: the seconds that
each frame took, and the shares of a core that the processes used.
"""

import json
import subprocess
import sys
import time
from time import perf_counter, process_time

import cv2
import numpy as np
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from engine.remote.codec import codec_of, decoder_of, encoder_of
from engine.remote.flow import good_bitrate
from engine.remote.wire import LARGEST_FRAME

SETTLE = 0.5  # seconds that do not count


def near(file: str, fps: float, coding: str, seconds: float) -> None:
    """Send frames at that rate to a process that returns them, and print what it took."""
    images, codec = np.load(file), codec_of(coding)
    height, width = images[0].shape[:2]
    encoder, decoder = encoder_of(codec, good_bitrate(width, height)), decoder_of(codec)
    command = [sys.executable, "-m", __spec__.name, coding, str(width), str(height)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as there:
        assert there.stdout
        url = f"ws://127.0.0.1:{int(there.stdout.readline())}"
        with connect(url, compression=None, max_size=LARGEST_FRAME) as line:

            def used() -> tuple[float, float, float]:
                line.send("")
                return perf_counter(), process_time(), float(line.recv())

            delays, number = list[float](), 0
            due = perf_counter()
            start, before = due + SETTLE, used()
            while (now := perf_counter()) < start + seconds:
                time.sleep(max(0.0, due - now))
                due = max(due + 1 / fps, perf_counter())
                if not delays and due > start:
                    before = used()
                number += 1
                began = perf_counter()
                line.send(encoder.encode(images[number % len(images)]).data)
                data = line.recv()
                assert isinstance(data, bytes)
                decoder.decode(data, (width, height))
                if due > start:
                    delays.append(perf_counter() - began)
            took, *costs = (new - old for new, old in zip(used(), before, strict=True))
        there.terminate()
    json.dump({"delays": delays, "costs": [cost / took for cost in costs]}, sys.stdout)


def far(coding: str, width: int, height: int) -> None:
    """Return each frame, decoded and encoded again, and tell the CPU time when asked."""
    codec, size = codec_of(coding), (width, height)
    encoder, decoder = encoder_of(codec, good_bitrate(width, height)), decoder_of(codec)

    def answer(line: ServerConnection) -> None:
        for data in line:
            if isinstance(data, str):
                line.send(str(process_time()))
            else:
                line.send(encoder.encode(decoder.decode(data, size)).data)

    with serve(answer, "127.0.0.1", 0, compression=None, max_size=LARGEST_FRAME) as server:
        sys.stdout.write(f"{server.socket.getsockname()[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    cv2.setNumThreads(1)  # as a relay and a server
    given = sys.argv[1:]
    if len(given) == 3:
        far(given[0], int(given[1]), int(given[2]))
    else:
        near(given[0], float(given[1]), given[2], float(given[3]))
