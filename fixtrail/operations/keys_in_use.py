"""The keys in use by purpose, for operators that rotate them: ids only, the same on every host."""

from fixtrail.settings import WebSettings
from runtime.key_strength import key_id

OWN, DERIVED = "own key", "of the hash key"


def keys_in_use(settings: WebSettings) -> dict[str, dict[str, str | None]]:
    """{purpose: {current, previous, from}} of pseudonyms, links, sessions and webhooks.

    Raises NoEndpointError where there is no key, ExitError (78) where one is too short.
    """
    own_keys = {
        "links": settings.link_key or settings.stack.get("link_key"),
        "sessions": settings.session_key or settings.stack.get("session_key"),
        "webhooks": settings.webhook_key or settings.stack.get("webhook_key"),
    }
    signing = {"links": settings.link_keys(), "sessions": settings.session_keys(), "webhooks": settings.webhook_keys()}
    pseudonyms: dict[str, str | None] = {"current": key_id(settings.secret()), "previous": None, "from": OWN}
    return {"pseudonyms": pseudonyms} | {
        purpose: _ids(keys, OWN if own_keys[purpose] else DERIVED) for purpose, keys in signing.items()
    }


def _ids(keys: tuple[bytes, ...], origin: str) -> dict[str, str | None]:
    current, *older = map(key_id, keys)
    return {"current": current, "previous": older[0] if older else None, "from": origin}
