"""Every channel with a provider to talk to. A channel joins the contract suite by a line in SETUPS."""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from sinks.push.address import target_secret
from sinks.push.channel import Channel
from sinks.push.channels.registry import open_channels
from sinks.push.channels.webhook import encoded_secret
from sinks.push.channels.webpush import new_private_key
from sinks.push.config import PushSettings
from tests.providers.mail import MailServer
from tests.providers.push_service import PushService
from tests.providers.server import Provider
from tests.providers.sms_gateway import TOKEN, ChatServer, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.providers.wechat import APP_ID, SECRET, WechatServer

KEY = b"a key for tests"
TIMEOUT_S = 1.0


@dataclass
class Ready:
    """A channel that is set up. `accepted` counts what the provider accepted; None: there is no provider."""

    channel: Channel
    address: str
    provider: Any = None
    moods: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return len(self.provider.accepted)

    def mood(self, name: str) -> Any:
        """What this provider calls `later` (try again later), `never` (refused for good), `lose`, `hang`."""
        return self.moods.get(name, {"later": 429, "never": 400}.get(name, name))


def open_one(scheme: str, **section: Any) -> Channel:
    """The channel of this scheme, set up as a configuration file would."""
    return open_channels(PushSettings.model_validate(section), (KEY,))[scheme]


@contextlib.contextmanager
def secret(value: str) -> Iterator[str]:
    """A secret in the environment, and how a configuration names it."""
    name = "FIXTRAIL_TEST_SECRET"
    os.environ[name] = value
    try:
        yield f"env:{name}"
    finally:
        del os.environ[name]


@contextlib.contextmanager
def console() -> Iterator[Ready]:
    class Log(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.accepted: list[str] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.accepted.append(record.getMessage())

    log, logger = Log(), logging.getLogger("sinks.push.channels.console")
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        yield Ready(open_one("console", console={}), "", log)
    finally:
        logger.removeHandler(log)


@contextlib.contextmanager
def webhook() -> Iterator[Ready]:
    with Webhooks() as provider:
        provider.secret = encoded_secret(target_secret(KEY, provider.url))
        channel = open_one("webhook", webhook={"allow_private": True, "timeout_s": TIMEOUT_S})
        yield Ready(channel, f"{provider.url}/customers/secret-77", provider)


@contextlib.contextmanager
def webpush() -> Iterator[Ready]:
    with PushService() as provider, secret(new_private_key()) as key:
        section = {"private_key": key, "contact": "mailto:push@example.com"}
        channel = open_one("webpush", webpush={**section, "allow_private": True, "timeout_s": TIMEOUT_S})
        yield Ready(channel, json.dumps(provider.subscribe()), provider)


@contextlib.contextmanager
def wechat() -> Iterator[Ready]:
    with WechatServer() as provider, secret(SECRET) as app_secret:
        provider.templates.add("tmpl-progress")
        provider.consents["openid-77", "tmpl-progress"] = 100
        form = {"id": "tmpl-progress", "fields": {"thing1": "note", "phrase2": "status", "time3": "at"}}
        of_part = {"id": "tmpl-progress", "fields": {"thing1": "part", "character_string2": "order", "thing3": "title"}}
        section = {"app_id": APP_ID, "secret": app_secret, "url": provider.url, "timeout_s": TIMEOUT_S}
        section["page"] = "pages/order?id={order_id}"
        forms = {"repair_started": form, "ready": form, "part_delayed": of_part}
        yield Ready(open_one("wechat", wechat={**section, "forms": forms}), "openid-77", provider)


@contextlib.contextmanager
def mail() -> Iterator[Ready]:
    with MailServer() as provider:
        url = f"mailto://127.0.0.1:{provider.port}/?from=service@example.com&mode=insecure&to={{address}}"
        with secret(url) as named:
            channel = open_one("mailto", apprise={"mailto": {"url": named, "style": "mail", "timeout_s": TIMEOUT_S}})
        yield Ready(channel, "customer-77@example.com", provider, {"later": 451, "never": 554})


def _gateway(kind: type[Provider], scheme: str, url: str, address: str) -> Callable[[], AbstractContextManager[Ready]]:
    @contextlib.contextmanager
    def opened() -> Iterator[Ready]:
        with kind() as provider, secret(url.replace("{port}", str(provider.port))) as named:
            yield Ready(open_one(scheme, apprise={scheme: {"url": named, "timeout_s": TIMEOUT_S}}), address, provider)

    return opened


sms = _gateway(SmsGateway, "sms", f"smseagle://{TOKEN}@127.0.0.1:{{port}}/{{address}}", "+8613900000077")
bot = _gateway(ChatServer, "team-chat", "mmost://127.0.0.1:{port}/{address}", "hook77token")

# By the name in sinks.push.channels.registry; one that is set up in several ways has several.
SETUPS: dict[str, list[Callable[[], AbstractContextManager[Ready]]]] = {
    "console": [console],
    "webhook": [webhook],
    "webpush": [webpush],
    "wechat": [wechat],
    "apprise": [mail, sms, bot],
}
