"""Folders of files that pages load: /static/NAME/FILE, always our own, told apart by a hash when they change."""

import hashlib
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent

# One line a part.
STATIC: dict[str, Path] = {
    "tracking": _HERE / "tracking" / "static",
    "ops": _HERE / "ops" / "static",
}


@cache
def static_url(name: str, file: str) -> str:
    """The address of a file, another one when its content is another one. Raises OSError where there is none."""
    content = (STATIC[name] / file).read_bytes()
    return f"/static/{name}/{file}?v={hashlib.sha256(content).hexdigest()[:12]}"
