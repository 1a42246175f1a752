"""STUN and TURN servers, which help WebRTC through routers: how they are written."""

import re
from dataclasses import dataclass, field

FORM = re.compile(
    r"(?P<scheme>stun|turns?):(?:(?P<user>[^:@\s]+):(?P<password>[^@\s]+)@)?"
    r"(?P<place>(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?)"
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server: its `url` as browsers know it, and what opens it."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str) -> "IceServer":
        """Read one; ValueError, whose text does not quote it, since it may hold a password."""
        found = FORM.fullmatch(text)
        good = found and (found["scheme"] == "stun") is (found["user"] is None)
        if not found or not good:
            raise ValueError("takes stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, by commas")
        return cls(
            f"{found['scheme']}:{found['place']}", found["user"] or "", found["password"] or ""
        )


def checked(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The same texts; ValueError if one is no server."""
    for text in texts:
        IceServer.of(text)
    return texts
