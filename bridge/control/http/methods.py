"""Which methods a path accepts."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Mount

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def takes(routes: Sequence[BaseRoute], path: str, method: str) -> bool:
    """Whether there is a route for this method; static folders are read-only."""
    scope = {"type": "http", "path": path, "root_path": "", "method": method, "headers": []}
    return any(
        route.matches(scope)[0] is Match.FULL and (method == "GET" or not isinstance(route, Mount))
        for route in routes
    )


def allowed(routes: Sequence[BaseRoute], path: str) -> str:
    """The Allow header of a path; GET implies HEAD."""
    found = [method for method in METHODS if takes(routes, path, method)]
    return ", ".join([*found, *(["HEAD"] if "GET" in found else [])])
