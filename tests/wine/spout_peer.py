"""Another program with Spout, for the tests: the real SpoutGL, and nothing of ours.

Told by lines of JSON on standard input, answers with lines of JSON. `send` shares `count` pictures
at a pace, the first `asked` each when a line asks for the next, and ends when a line comes after
the last; `receive` tells which pictures came, and whether to the last byte.
"""

import json
import sys
import time

import shim  # before SpoutGL
import numpy as np
import SpoutGL
from SpoutGL import enums

ORDERS = {"RGBA": (enums.GL_RGBA, [0, 1, 2, 3]), "BGRA": (enums.GL_BGRA_EXT, [2, 1, 0, 3])}


def stamped(width, height, number):
    """RGBA noise with a number in its first pixel; every byte but those is the same each time."""
    image = np.random.default_rng(7).integers(0, 256, (height, width, 4), dtype=np.uint8)
    image[0, 0] = (number & 255, number >> 8, 90, 165)
    return image


def number_of(image):
    """The number of a stamped picture, 0 for another one."""
    red, green, blue, alpha = (int(value) for value in image[0, 0])
    return red | green << 8 if (blue, alpha) == (90, 165) else 0


def send(name, width, height, count, fps=25.0, asked=0, order="RGBA", then=()):
    """`then` are sizes that the same sender goes on in, each with `count` pictures."""
    sender = SpoutGL.SpoutSender()
    sender.createOpenGL()
    sender.setSenderName(name)
    sent = 0
    for size in ((width, height), *then):
        sent += share(sender, size, count, fps, asked, order)
    sender.releaseSender()
    sender.closeOpenGL()
    return {"sent": sent}


def share(sender, size, count, fps, asked, order):
    width, height = size
    layout, channels = ORDERS[order]
    image = stamped(width, height, 1)
    due, sent = time.perf_counter(), 0
    for number in range(1, count + 1):
        image[0, 0, :2] = number & 255, number >> 8
        data = np.ascontiguousarray(image[..., channels])
        sent += bool(sender.sendImage(data, width, height, layout, False, 0))
        if number < asked:
            sys.stdin.readline()
        due = max(due + 1 / fps, time.perf_counter() - 1 / fps)
        time.sleep(max(0.0, due - time.perf_counter()))
    sys.stdin.readline()
    return sent


def receive(name, until=None, looks=None, seconds=60.0, told=False):
    """Each change once, up to picture number `until`, or for so many `looks` at a picture. `told`:
    every number is, when it comes.
    """
    receiver = SpoutGL.SpoutReceiver()
    receiver.createOpenGL()
    receiver.setReceiverName(name)
    buffer, seen, sizes, looked = None, [], [], 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not (seen and seen[-1][0] == until):
        good = receiver.receiveImage(buffer, enums.GL_RGBA, False, 0)
        if receiver.isUpdated():
            sizes.append((receiver.getSenderWidth(), receiver.getSenderHeight()))
            buffer = np.zeros((sizes[-1][1], sizes[-1][0], 4), np.uint8)
        elif good and buffer is not None and buffer.any():
            number = number_of(buffer)
            if not seen or seen[-1][0] != number:
                wanted = stamped(buffer.shape[1], buffer.shape[0], number)
                seen.append((number, bool(np.array_equal(buffer, wanted))))
                if told:
                    print(number, flush=True)
            looked += 1
            if looked == looks:
                break
        time.sleep(0.004)
    receiver.releaseReceiver()
    receiver.closeOpenGL()
    return {"seen": seen, "sizes": sizes}


def main():
    deeds = {"send": send, "receive": receive, "hello": lambda: {"shim": shim.mode}}
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(deeds[order.pop("do")](**order)), flush=True)


if __name__ == "__main__":
    main()
