"""Where a server of engines is, and what opens it. Free of everything but the standard library."""

import socket
import ssl
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit, urlunsplit

VARIABLE = "SPOUT_BRIDGE_RELAY"  # of a relay's environment: its settings as JSON
PLACES = "/api/v1/places"  # where the head of a cluster is asked for a server
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SCHEMES = ("wss", "ws", "cluster")
# What the status of its answer means
STATUSES = {
    401: "it needs its token; give it with --engine-token @FILE or SPOUT_BRIDGE_ENGINE_TOKEN",
    403: "it refuses this token",
    404: "nothing there serves engines; start it with `spout-bridge serve`",
    421: "it does not know itself by this name; see its --allow-host",
    429: "too many wrong tokens came from here; it waits half a minute",
    503: "it has no room",
}


@dataclass(frozen=True, slots=True)
class Server:
    """`url` is as `checked` gives it; cluster:// is the head of a cluster, which is spoken to by
    TLS but on this machine, or if `insecure`.
    """

    url: str
    token: str = ""
    authority: str = ""  # file of certificates to trust beside the system's
    insecure: bool = False

    @property
    def name(self) -> str:
        """The server in sentences: host and port."""
        return urlsplit(self.url).netloc

    @property
    def host(self) -> str:
        """Its host alone."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_here(self) -> bool:
        """Whether it is reached by this machine's loopback, which no proxy knows."""
        return self.host in LOOPBACK

    def socket(self, path: str) -> str:
        """The URL of a WebSocket of it."""
        return self.url + path

    def page(self, path: str) -> str:
        """The URL of a page of it."""
        return f"http{'s' if self._encrypts else ''}{self.url[self.url.index('://') :]}{path}"

    @property
    def is_cluster(self) -> bool:
        """Whether it only says which server to use."""
        return self.url.startswith("cluster:")

    @property
    def headers(self) -> dict[str, str]:
        """What opens it."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def context(self) -> ssl.SSLContext | None:
        """What checks its certificate; OSError if the file with the authority cannot be read."""
        if not self._encrypts:
            return None
        context = ssl.create_default_context()
        if self.authority:
            context.load_verify_locations(self.authority)
        return context

    @property
    def _encrypts(self) -> bool:
        if self.is_cluster:
            return not self.is_here and not self.insecure
        return self.url.startswith("wss:")


def key_of(session: str) -> str:
    """What tells a session from others, made from its name, which is a secret."""
    return sha256(session.encode()).hexdigest()[:32]


def is_address(text: str) -> bool:
    """Whether a text is meant as a server's address."""
    return "://" in text


def checked(text: str, *, insecure: bool = False) -> str:
    """The address of a server as it is used; ValueError, in a sentence, for one that is none, or
    whose line anyone could read: ws:// is for this machine, unless `insecure`.
    """
    example = "write wss://HOST:PORT"
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{text!r:.130} is no address of a server; {example}.") from None
    if parts.scheme not in SCHEMES or not host or port == 0:
        raise ValueError(f"{text!r:.130} is no address of a server; {example}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{host} is given with more than its address; {example}, the token apart.")
    if parts.scheme == "ws" and host not in LOOPBACK and not insecure:
        raise ValueError(
            f"ws:// to {host} would send frames and token for anyone to read; use wss://, or "
            "--insecure in a network that you trust."
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def why_not(server: Server, error: Exception, status: int = 0) -> str:
    """Why a server cannot be used, in a sentence; `status` is that of its answer, 0 for none."""
    at = f"The engine on {server.name}"
    if status == 401 and server.token:
        return f"{at} cannot be used: it takes another token; see what it printed at its start."
    if status:
        return f"{at} cannot be used: {STATUSES.get(status, f'it answers with status {status}')}."
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message.rstrip(".")
        cure = "name its authority's file with --engine-ca"
        if "not valid for" in told:
            cure = "use a name that is in it"
        return f"{at} cannot be trusted: {told}; {cure}."
    if isinstance(error, ssl.SSLError):
        return f"{at} does not answer as a wss:// server does ({error.reason or error})."
    if isinstance(error, TimeoutError):
        return f"{at} does not answer."
    if isinstance(error, socket.gaierror):
        return f"{at} is not found: {error.strerror}."
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{at} cannot be reached: {told.rstrip('.')}."
