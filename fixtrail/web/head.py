"""HEAD: the status and headers of a GET, for monitors and programs that look at a link before they show it."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Each goes with one attempt to sign in, which only the browser that made it may use up.
_GET_ALONE = frozenset({"/login/oidc", "/login/oidc/callback"})
# Starlette answers for these by itself.
_FILES = "/static/"
_IS_HEAD = "fixtrail.head"


def is_read(request: Request) -> bool:
    """Whether the body of the answer goes to somebody."""
    return not request.scope.get(_IS_HEAD, False)


class HeadAsGet:
    """Lets routes answer HEAD as they answer GET, without the body; of a stream nothing but the headers is made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        if not is_head or scope["path"] in _GET_ALONE or scope["path"].startswith(_FILES):
            await self._app(scope, receive, send)
            return
        is_stream = False

        async def send_head(message: Message) -> None:
            nonlocal is_stream
            if message["type"] != "http.response.start":
                return
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            is_stream = Headers(scope=message).get("content-type", "").startswith("text/event-stream")
            if is_stream:
                raise OSError("nobody reads the body")

        try:
            await self._app({**scope, "method": "GET", _IS_HEAD: True}, receive, send_head)
        except OSError:
            if not is_stream:
                raise
