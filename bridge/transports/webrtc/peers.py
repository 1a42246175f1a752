"""Connections to browsers and other programs: offers answered, counted, and closed in time."""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCCertificate

from bridge.system.ice import IceServer
from bridge.transports.webrtc.messages import LARGEST_SDP

log = logging.getLogger(__name__)

MOST_LINES = 2  # of media: a video, and a sound that is not used
CONNECT = 15.0  # seconds for a peer to connect
GATHER = 5.0  # seconds for an answer
# aiortc's own are for certificates like its own; GStreamer's and others' are RSA.
SUITES = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA"
)


class OfferError(Exception):
    """An offer that is not answered: one sentence. `full` if it would be another time."""

    def __init__(self, text: str, *, full: bool = False) -> None:
        super().__init__(text)
        self.full = full


class Media(Protocol):
    """What a peer is sent, or what it sends."""

    def prepare(self, connection: RTCPeerConnection) -> None:
        """Add to a new connection what it carries; before its offer is read."""
        ...

    def left(self, connection: RTCPeerConnection) -> None:
        """A connection has ended."""
        ...


class Peers:
    """All connections of the process."""

    def __init__(
        self,
        media: Media,
        most: int,
        ice: Sequence[str],
        tell: Callable[[int], None],
        *,
        newest_wins: bool,
    ) -> None:
        """At most this many at once: if the `newest_wins` it takes the place of the oldest, else it
        is refused. `tell` gets how many are connected.
        """
        self._media, self._most, self._newest_wins, self._tell = media, most, newest_wins, tell
        servers = [IceServer.of(text) for text in ice]
        # An empty list too: without one, aiortc asks a server on the internet.
        self._configuration = RTCConfiguration(
            iceServers=[
                RTCIceServer(one.url, one.user or None, one.password or None) for one in servers
            ]
        )
        self._connections: dict[str, RTCPeerConnection] = {}

    async def answer(self, peer: str, offer: str) -> str:
        """The answer to an offer, as SDP; OfferError if there is none."""
        _check(offer)
        if self._newest_wins:
            for other in [*self._connections]:
                await self.leave(other)
        elif len(self._connections) >= self._most:
            raise OfferError(
                f"All {self._most} places are taken; try again later, or send to "
                "whep:?viewers= with a higher number.",
                full=True,
            )
        connection = RTCPeerConnection(self._configuration)
        self._connections[peer] = connection
        connection.on("connectionstatechange", partial(self._changed, peer))
        try:
            async with asyncio.timeout(GATHER):
                self._media.prepare(connection)
                # aiortc would be the client of DTLS if the offer leaves it open, and then rejects
                # certificates of a kind that it does not have itself.
                open_offer = offer.replace("a=setup:actpass", "a=setup:active")
                await connection.setRemoteDescription(RTCSessionDescription(open_offer, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:  # aiortc raises anything for an invalid offer
            await self.leave(peer)
            log.warning("an offer was refused: %s: %s", type(error).__name__, error)
            raise OfferError(
                "The offer cannot be answered; send WebRTC's SDP with a video in H.264."
            ) from error
        asyncio.get_running_loop().call_later(CONNECT, self._expire, peer)
        return connection.localDescription.sdp

    async def leave(self, peer: str) -> None:
        """Close a peer's connection, if it is still there."""
        connection = self._connections.pop(peer, None)
        if connection:
            self._media.left(connection)
            self._count()
            with suppress(ConnectionError):
                await connection.close()

    async def close(self) -> None:
        """Close every connection."""
        for peer in [*self._connections]:
            await self.leave(peer)

    async def _changed(self, peer: str) -> None:
        connection = self._connections.get(peer)
        if connection and connection.connectionState in ("failed", "closed"):
            await self.leave(peer)
        self._count()

    def _count(self) -> None:
        every = self._connections.values()
        self._tell(sum(each.connectionState == "connected" for each in every))

    def _expire(self, peer: str) -> None:
        connection = self._connections.get(peer)
        if connection and connection.connectionState != "connected":
            self._expiring = asyncio.ensure_future(self.leave(peer))


def _check(offer: str) -> None:
    """OfferError for what is certainly no usable offer."""
    lines = re.findall(r"^m=(\w+)", offer, re.MULTILINE)
    if len(offer) > LARGEST_SDP or "video" not in lines or len(lines) > MOST_LINES:
        raise OfferError(f"Send an offer in SDP, with a video and at most {MOST_LINES} media.")


def accept_every_certificate() -> None:
    """Let aiortc agree on suites of RSA certificates too, where the offer makes it the client."""
    made = RTCCertificate._create_ssl_context

    def context(self: RTCCertificate, srtp_profiles: list[Any]) -> Any:
        found = made(self, srtp_profiles)
        found.set_cipher_list(SUITES)
        return found

    RTCCertificate._create_ssl_context = context
