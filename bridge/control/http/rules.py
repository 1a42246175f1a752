"""The names by which this machine may be called, the tokens, and who may read without one. Free of
the web framework, which is slow to import.
"""

import hmac
import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass

from bridge.system.networks import Networks

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")  # long enough, and unescaped in a URL or cookie
VIEW_LETTERS = 32  # of a token for viewing only: 128 bits
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts` are the names of this machine, in any spelling; ValueError for an invalid name.
    `token` is empty on loopback. The `readers` are other machines that may read the OSC addresses
    without it; `here` means that other machines may do nothing else, whatever they show. The
    `holders` have tokens of their own, beside that one: each token with its holder's name.
    """

    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    token: str = ""
    readers: Networks = ()
    here: bool = False
    holders: tuple[tuple[str, str], ...] = ()

    def holder(self, token: str) -> str:
        """Whose token this is; empty if it is nobody's."""
        found = ""
        for known, name in self.holders:  # all of them, so that the time tells nothing
            if hmac.compare_digest(token.encode(), known.encode()):
                found = name
        return found

    @property
    def view_token(self) -> str:
        """What opens the page for viewing only: made from the token, which cannot be computed from
        it, so that both hold equally long. Empty without a token.
        """
        if not self.token:
            return ""
        return hmac.new(self.token.encode(), b"view only", "sha256").hexdigest()[:VIEW_LETTERS]

    def __post_init__(self) -> None:
        object.__setattr__(self, "hosts", frozenset(map(_known_as, self.hosts)))


def _known_as(text: str) -> str:
    """A name as `_name` gives it, from a typed name or the system's own."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    if found := HOST.fullmatch(text):
        return alike(found[1])
    raise ValueError(f"{text!r:.80} is not a host name; write one such as studio.local.")


def alike(name: str) -> str:
    """Ignore case, a trailing dot and brackets."""
    return name.strip("[]").lower().removesuffix(".")


def attribute_of(query: bytes) -> str:
    """The attribute that an OSCQuery client asks for: the query string up to the first & or =."""
    return re.split("[&=]", query.decode("latin-1"), maxsplit=1)[0]
