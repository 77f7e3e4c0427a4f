"""`fixtrail notices`: the secret of a webhook's receiver, and keys for Web Push."""

from fixtrail.settings import LedgerSettings
from runtime.failure import USAGE, ExitError
from sinks.push.address import target_secret


def webhook_secret(settings: LedgerSettings, url: str) -> str:
    """The secret with which the receiver behind a URL checks signatures. Raises ExitError for what is no URL."""
    from sinks.push.channels.http import origin_of
    from sinks.push.channels.webhook import encoded_secret

    origin = origin_of(url)
    if origin is None:
        raise ExitError(f"{url} is no URL of a receiver", USAGE)
    return encoded_secret(target_secret(settings.webhook_keys()[0], origin))


def vapid_keys() -> tuple[str, str]:
    """A fresh private key for Web Push, and the public one for the pages."""
    from sinks.push.channels.webpush import new_private_key, public_key

    private = new_private_key()
    return private, public_key(private)
