"""`spout-bridge state`: the state of a running bridge."""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from rich.console import Console
from rich.table import Table

from bridge.errors import CommandError
from bridge.state.status import STATUS

PATIENCE = 5.0  # seconds


def state(port: int, token: str, as_json: bool) -> None:
    """Query the bridge on this machine and print its state; CommandError if none answers."""
    told = _asked(f"http://127.0.0.1:{port}/api/v1/state", token)
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    table = Table("name", "value", "unit", title=f"Bridge on port {port}", title_justify="left")
    for row in STATUS:
        table.add_row(row.name, _shown(told.get(row.name, "")), row.unit)
    Console(markup=False, highlight=False).print(table)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asked(url: str, token: str) -> dict[str, Any]:
    header = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=header), timeout=PATIENCE
        ) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        cure = "; add --token with its token" if error.code in (401, 403) else ""
        raise CommandError(f"{url} answered {error.code}{cure}.") from None
    except (OSError, ValueError):
        raise CommandError(
            f"No bridge answers at {url}; start one, or give its port with --port."
        ) from None
