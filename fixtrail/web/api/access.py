"""Authentication of API requests: the key and its scopes."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fixtrail.web.api.keys import ApiKey, Scope
from fixtrail.web.api.noted import note_of
from fixtrail.web.api.problems import ApiError
from fixtrail.web.api.state import state_of
from fixtrail.web.security import address_of

_bearer = HTTPBearer(
    scheme_name="apiKey",
    description="An API key, as `fixtrail api-keys add` prints it: `Authorization: Bearer ftk_…`.",
    auto_error=False,
)


async def key_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> ApiKey:
    """The valid API key of a request. Raises ApiError 401, or 429 where an address has tried too many wrong ones.

    A valid key is let in whatever others at its address have tried: a key of 256 bits is not guessed, and where many
    senders share an address one of them could keep the others out.
    """
    state = state_of(request)
    key = state.keys.find(credentials.credentials, datetime.now(UTC)) if credentials else None
    if key is None:
        if credentials:
            address = address_of(request.scope)
            state.pace.may_try(address)
            state.pace.note_wrong(address)
        raise ApiError(
            401,
            "unauthenticated",
            "Send `Authorization: Bearer` with a key that is neither revoked nor expired.",
            headers={
                "WWW-Authenticate": 'Bearer realm="fixtrail"' + (', error="invalid_token"' if credentials else "")
            },
        )
    note_of(request).key = key
    return key


Key = Annotated[ApiKey, Depends(key_of)]


def require(key: ApiKey, scope: Scope) -> None:
    """Raises ApiError (403) where the key has not this scope."""
    if scope not in key.scopes:
        challenge = f'Bearer realm="fixtrail", error="insufficient_scope", scope="{scope}"'
        raise ApiError(
            403, "scope-missing", f"The API key has no scope {scope}.", headers={"WWW-Authenticate": challenge}
        )
