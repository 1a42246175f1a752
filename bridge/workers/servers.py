"""The servers whose engines a run uses, from its settings."""

from bridge.errors import UsageError
from bridge.settings import Settings
from bridge.system import whole_files
from bridge.system.aside import Aside, SlowError
from bridge.system.paths import place
from engine.remote.address import Server

LARGEST = 1 << 10  # bytes of a token's file
PATIENCE = 10.0  # seconds for its disk


def servers_of(settings: Settings) -> list[Server]:
    """The servers whose engines a run uses, with what opens them; UsageError if a file that is
    named cannot be read.
    """
    token, authority = settings.engine_token, settings.engine_ca
    try:
        if token.startswith("@"):
            path = place(token[1:])
            found = Aside().ask(
                f"The disk of {path}", lambda: whole_files.read(path, LARGEST), PATIENCE
            )
            token = found.decode("ascii").strip()
    except (OSError, SlowError, ValueError) as error:
        raise UsageError(f"{settings.said('engine_token')}: {error}") from None
    ca, insecure = str(authority or ""), settings.insecure
    made = [Server(url, token, ca, insecure) for url in settings.engines]
    try:
        for server in made:
            server.context()
    except OSError as error:
        flag, why = settings.said("engine_ca"), error.strerror or str(error)
        raise UsageError(f"{flag} {authority} cannot be used: {why}.") from None
    return made
