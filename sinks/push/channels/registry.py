"""All channels there are. A new one is registered here, and the contract suite asks for its fake provider.

Each is imported when it is set up: what the others need takes a second to load.
"""

from collections.abc import Callable, Mapping, Sequence

from sinks.push.channel import Channel
from sinks.push.config import PushSettings


def open_channels(settings: PushSettings, webhook_keys: Sequence[bytes]) -> dict[str, Channel]:
    """The channels that are set up, by the scheme of their addresses. Call on a running event loop.

    Raises ValueError where a key is unusable.
    """
    channels: dict[str, Channel] = {}
    for kind, make in CHANNELS.items():
        for channel in make(settings, webhook_keys):
            if channel.name in channels:
                raise ValueError(f"{kind}: there is a channel {channel.name} already")
            channels[channel.name] = channel
    return channels


def _console(settings: PushSettings, _: Sequence[bytes]) -> list[Channel]:
    if settings.console is None:
        return []
    from sinks.push.channels.console import Console

    return [Console(settings.console)]


def _webhook(settings: PushSettings, webhook_keys: Sequence[bytes]) -> list[Channel]:
    if settings.webhook is None:
        return []
    from sinks.push.channels.webhook import Webhook

    return [Webhook(settings.webhook, webhook_keys)]


def _webpush(settings: PushSettings, _: Sequence[bytes]) -> list[Channel]:
    if settings.webpush is None:
        return []
    from sinks.push.channels.webpush import WebPush

    return [WebPush(settings.webpush)]


def _wechat(settings: PushSettings, _: Sequence[bytes]) -> list[Channel]:
    if settings.wechat is None:
        return []
    from sinks.push.channels.wechat import Wechat

    return [Wechat(settings.wechat)]


def _apprise(settings: PushSettings, _: Sequence[bytes]) -> list[Channel]:
    if not settings.apprise:
        return []
    from sinks.push.channels.by_apprise import ByApprise

    return [ByApprise(name, section) for name, section in settings.apprise.items()]


CHANNELS: Mapping[str, Callable[[PushSettings, Sequence[bytes]], list[Channel]]] = {
    "console": _console,
    "webhook": _webhook,
    "webpush": _webpush,
    "wechat": _wechat,
    "apprise": _apprise,
}
