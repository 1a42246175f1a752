"""One client's HTTP connection or WebSocket: uvicorn's protocols, each with a seat from `seats`.

This adds the limits that uvicorn lacks: head, body and answer must finish in time. Invalid HTTP is
answered in JSON, and a parser error costs one connection and one traceback.
"""

import asyncio
import json
from functools import partial
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import State

from bridge.control.http.seats import Phase, Seat, Seats, Why
from bridge.system.faults import Faults

HEAD = 16 << 10  # bytes of a request's line and headers together
SOCKET_HEADER, SOCKET_HEADERS = 8 << 10, 128  # the WebSocket parser's limits
SEND_BUFFER = 128 << 10  # bytes the system buffers per client: few, so a slow one shows soon
TRY_AGAIN = 1013  # the close code of a WebSocket that made room for another
SENTENCES = {
    400: "Not a valid HTTP request.",
    408: "The request did not arrive in full in time; send it again.",
    413: "A chunk of the body is too long.",
    431: f"The request line and headers may take at most {HEAD >> 10} KB together.",
    501: "Unsupported transfer encoding; send a content length, or chunks.",
}
faults = Faults()


class _Parser(h11.Connection):
    """Reports events to the seat. An overlong head is always refused; h11 itself refuses only an
    incomplete one.
    """

    def __init__(self, seat: Seat) -> None:
        super().__init__(h11.SERVER, HEAD)
        self.refusal = 400  # the status for what was raised last
        self._seat = seat

    def next_event(self) -> Any:
        """As in h11."""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        if isinstance(event, h11.Request):
            size = sum(len(name) + len(value) + 4 for name, value in event.headers)
            if size + len(event.target) > HEAD:
                self.refusal = 431
                raise h11.RemoteProtocolError("too long", 431)
            self._seat.head_came()
        elif isinstance(event, h11.Data):
            self._seat.body_came(len(event.data))
        elif isinstance(event, h11.EndOfMessage):
            self._seat.body_ended()
        return event


class HttpConnection(H11Protocol):
    """One client's HTTP connection."""

    conn: _Parser

    def __init__(
        self, config: uvicorn.Config, state: ServerState, app_state: dict[str, Any], seats: Seats
    ) -> None:
        super().__init__(config, state, app_state)
        self._seats = seats
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # always a TCP transport
        """As in asyncio."""
        super().connection_made(transport)
        self._seat = self._seats.take(self, transport)
        self.conn = _Parser(self._seat)
        self.ws_protocol_class = partial(SocketConnection, seats=self._seats, seat=self._seat)  # pyright: ignore[reportAttributeAccessIssue]  # called as the class is

    def connection_lost(self, exc: Exception | None) -> None:
        """As in asyncio."""
        self._seats.leave(self._seat)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As in asyncio."""
        if self._refused:  # it may still be reading the reason
            return
        self._seat.bytes_came()
        # Any parser error affects this client only.
        with faults.survived("A request could not be read", lambda: self.refuse(400)):
            super().data_received(data)

    def resume_writing(self) -> None:
        """As in asyncio."""
        self._seat.drained()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """As in uvicorn."""
        self._seat.answered()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """As in uvicorn."""
        longest = max(len(name) + len(value) + 2 for name, value in self.headers)
        if longest > SOCKET_HEADER or len(self.headers) > SOCKET_HEADERS:
            self.refuse(431)
            return
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """As in uvicorn, but in JSON and with the right status."""
        self.refuse(self.conn.refusal)

    def shutdown(self) -> None:
        """As in uvicorn."""
        if self._refused:
            self.transport.abort()
        else:
            super().shutdown()

    def dismiss(self, why: Why) -> None:
        """As in `seats.Holder`."""
        seat = self._seat
        asked = seat.phase is Phase.BUSY or (seat.whole and self.conn.trailing_data[0])
        if why is Why.LATE and asked and not self._refused:
            self.refuse(408)
        else:
            self.transport.abort()

    def ping(self) -> None:
        """Nothing: only WebSockets have pings."""

    def refuse(self, status: int) -> None:
        """Answer without the app and close; the client has a moment to read the reason."""
        self._refused = True
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if cycle and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
                return
        if self.transport.is_closing():
            return
        self.transport.write(_answer(status))
        # If closed at once with bytes unread, the system would discard the answer too.
        self._seat.refused()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:  # of TLS
            self.transport.close()
        self.flow.resume_reading()


class SocketConnection(WebSocketsSansIOProtocol):
    """One client's WebSocket."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        seats: Seats,
        seat: Seat,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._seats, self._seat = seats, seat

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As in asyncio."""
        super().connection_made(transport)
        self._seats.serve(self._seat, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """As in asyncio."""
        self._seats.leave(self._seat)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As in asyncio."""
        self._seat.bytes_came()
        with faults.survived("A WebSocket's message could not be read", self.transport.abort):
            super().data_received(data)

    def resume_writing(self) -> None:
        """As in asyncio."""
        self._seat.drained()
        super().resume_writing()

    def ping(self) -> None:
        """As in `seats.Holder`."""
        if self._open():
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def dismiss(self, why: Why) -> None:
        """As in `seats.Holder`."""
        if why is Why.ROOM and self._open():
            self.conn.send_close(TRY_AGAIN, why.value)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.abort()

    def _open(self) -> bool:
        done = self.handshake_complete and not self.transport.is_closing()
        return done and self.conn.state is State.OPEN


def _answer(status: int) -> bytes:
    body = json.dumps({"detail": SENTENCES.get(status, SENTENCES[400])}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
