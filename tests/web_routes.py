"""Every route of the web application, as its own tables have them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI


@dataclass(frozen=True, slots=True, order=True)
class WebRoute:
    """A method and a path with its parameters in braces; `path` names no converters."""

    method: str
    path: str


def routes_of(app: FastAPI) -> list[WebRoute]:
    """All of them but files, those of applications below it among them. Each answers one method."""
    return sorted(WebRoute(method, path) for path, methods in _tables(app.routes, "") for method in methods)


def _tables(routes: Iterable[Any], below: str) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from _tables(router.routes, below)
        elif getattr(route, "methods", None):
            yield below + route.path_format, route.methods
        elif not route.path.startswith("/static/"):
            assert route.routes, f"{route.path} is neither a route nor an application"
            yield from _tables(route.routes, below + route.path)
