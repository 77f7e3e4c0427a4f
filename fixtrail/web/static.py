"""Folders of files that pages load: /static/NAME/FILE, always our own, told apart by a hash when they change."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HERE = Path(__file__).parent

# One line a part.
STATIC: dict[str, Path] = {
    "tracking": _HERE / "tracking" / "static",
    "ops": _HERE / "staff" / "static",
}
# Text, which compresses well. Pages themselves are not compressed: with a secret in them their length could tell.
_COMPRESSED = (".css", ".js", ".svg")
# The worker in this file may look after the customers' pages, and no others.
_SCOPES = {"offline.js": "/t/"}


class PageFiles(StaticFiles):
    """The files of one folder, compressed for whoever takes that."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or what StaticFiles says instead."""
        answer = await super().get_response(path, scope)
        if path in _SCOPES:
            answer.headers["Service-Worker-Allowed"] = _SCOPES[path]
        takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        if not isinstance(answer, FileResponse) or not path.endswith(_COMPRESSED) or not takes_gzip:
            return answer
        copied = {name: value for name, value in answer.headers.items() if name != "content-length"}
        headers = copied | {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        return Response(_compressed(Path(answer.path)), answer.status_code, headers)


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)


@cache
def static_url(name: str, file: str) -> str:
    """The address of a file, another one when its content is another one. Raises OSError where there is none."""
    content = (STATIC[name] / file).read_bytes()
    return f"/static/{name}/{file}?v={hashlib.sha256(content).hexdigest()[:12]}"
