"""How STUN and TURN servers are written."""

import pytest

from bridge.system.ice import IceServer


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("stun:s.example", IceServer("stun:s.example")),
        ("turn:bob:pass:w@t.example:3478?transport=tcp",
         IceServer("turn:t.example:3478?transport=tcp", "bob", "pass:w")),
        ("turns:bob:p@[::1]:443", IceServer("turns:[::1]:443", "bob", "p")),
    ],
)  # fmt: skip
def test_servers_are_written_with_what_opens_them(text, server):
    assert IceServer.of(text) == server
    assert "pass:w" not in repr(server)


@pytest.mark.parametrize("text", ["turn:t.example", "stun:bob:p@s", "http://s", "turn:bob:p@t:x"])
def test_what_is_no_server_is_not_quoted_for_it_may_hold_a_password(text):
    with pytest.raises(ValueError, match=r"turn:USER:PASSWORD@HOST:PORT") as caught:
        IceServer.of(text)
    assert text not in str(caught.value)
