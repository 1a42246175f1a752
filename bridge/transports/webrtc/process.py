"""`python -m bridge.transports.webrtc.process`: aiortc, for one WebRTC source or sink.

Apart from the bridge, so that encoding, encryption and a crash in a codec touch no other part.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any

from bridge.transports.webrtc.messages import (
    TO_PROCESS,
    Answer,
    Connected,
    FrameMade,
    FromProcess,
    Leave,
    Offer,
    Refusal,
    RingMade,
    Start,
    Started,
    ToProcess,
)
from bridge.transports.webrtc.peers import OfferError, Peers, accept_every_certificate
from bridge.transports.webrtc.receiving import Receiving
from bridge.transports.webrtc.sending import Sending
from engine.ipc.channel import Channel
from engine.system import by_hand
from engine.system.parent import die_with_parent

log = logging.getLogger(__name__)


class Process:
    """Reads the bridge's messages in a thread, and acts on them in the loop."""

    def __init__(self, channel: Channel[FromProcess, ToProcess], start: Start) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        tell = channel.send
        self._media = Sending(start.mbit, tell) if start.viewers else Receiving(tell)
        self._peers = Peers(
            self._media,
            start.viewers or 1,
            start.ice,
            lambda count: tell(Connected(count=count)),
            newest_wins=not start.viewers,
        )

    async def run(self) -> None:
        """Until the bridge closes the pipe."""
        threading.Thread(target=self._read, name="from bridge", daemon=True).start()
        self._spawn(self._media.run())
        await self._ended.wait()
        await self._peers.close()

    def _read(self) -> None:
        try:
            while message := self._channel.receive():
                self._loop.call_soon_threadsafe(self._take, message)
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _take(self, message: ToProcess) -> None:
        match message:
            case Offer():
                self._spawn(self._answer(message))
            case Leave(peer=peer):
                self._spawn(self._peers.leave(peer))
            case RingMade(name=name):
                self._media.renew(name)
            case FrameMade():
                self._media.wake()
            case Start():
                pass

    async def _answer(self, offer: Offer) -> None:
        number = offer.number
        try:
            sdp = await self._peers.answer(offer.peer, offer.sdp)
        except OfferError as error:
            self._channel.send(Refusal(number=number, text=str(error), full=error.full))
        else:
            self._channel.send(Answer(number=number, sdp=sdp))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("unexpected", exc_info=error)
            self._ended.set()  # the bridge starts another


async def _run(channel: Channel[FromProcess, ToProcess]) -> None:
    start = channel.receive()
    if isinstance(start, Start):
        channel.send(Started())
        await Process(channel, start).run()


def main() -> None:
    """Run as the process of the bridge that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    by_hand.refuse("the WebRTC process of a bridge", "spout-bridge run --sink whep:")
    die_with_parent()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not end up among the messages
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    accept_every_certificate()
    asyncio.run(_run(Channel(incoming, outgoing, TO_PROCESS)))
    os._exit(0)


if __name__ == "__main__":
    main()
