"""The push sink's settings: a TOML file. Secrets are named, not written down: "env:NAME" or "file:/run/secrets/…"."""

import os
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.locales import Locale
from schemas.times import checked_time_zone
from schemas.toml_file import TomlTable, load_model
from sinks.push.decide import Policy

LONGEST_TIMEOUT_S = 60.0


def _secret(value: Any) -> Any:
    """The secret that "env:NAME" or "file:PATH" stands for; a secret itself is refused."""
    kind, _, name = str(value).partition(":")
    if kind == "env":
        secret = os.environ.get(name)
        if not secret:
            raise ValueError(f"the environment has no {name}")
        return secret
    if kind == "file":
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    raise ValueError('a secret is named as "env:NAME" or "file:PATH", not written down here')


Secret = Annotated[str, BeforeValidator(_secret), Field(min_length=1, repr=False)]
Zone = Annotated[str, AfterValidator(checked_time_zone)]


class ChannelPace(TomlTable):
    """A channel's limits: concurrent calls, calls a second (0: no limit), and seconds for a call."""

    concurrency: Annotated[int, Field(ge=1, le=512)] | None = None
    a_second: Annotated[float, Field(ge=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_S)] | None = None


class Quiet(TomlTable):
    begins: time = time(21)
    ends: time = time(8)


class MessageLimits(TomlTable):
    a_day: Annotated[int, Field(ge=1)] = 10
    gap_s: Annotated[float, Field(ge=0)] = 60.0


class ConsoleSection(ChannelPace):
    pass


class WebhookSection(ChannelPace):
    """`hosts`: the only ones that are called, none for all public ones. `allow_private`: for tests on one machine."""

    hosts: tuple[str, ...] = ()
    allow_private: bool = False


class WebPushSection(ChannelPace):
    """VAPID (RFC 8292): the private key as raw base64url, and whom push services may write to."""

    private_key: Secret
    contact: Annotated[str, Field(pattern=r"^(mailto:|https://).+")]
    allow_private: bool = False


class Form(TomlTable):
    """A subscribe-message template: its id, which value each field shows, and how many consents to leave alone."""

    id: Annotated[str, Field(min_length=1)]
    fields: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z_]+\d+$")], str], Field(min_length=1)]
    keep: Annotated[int, Field(ge=0)] = 0


class WechatSection(ChannelPace):
    """WeChat mini program. `forms` by milestone: those without one do not go to WeChat."""

    app_id: Annotated[str, Field(min_length=1)]
    secret: Secret
    page: str = ""
    version: Literal["formal", "trial", "developer"] = "formal"
    url: str = "https://api.weixin.qq.com"
    forms: dict[str, Form] = Field(default_factory=dict)


class AppriseSection(ChannelPace):
    """Any service that Apprise knows. `url` is its Apprise URL with {address} where the recipient belongs."""

    url: Secret
    style: Literal["short", "mail"] = "short"

    @model_validator(mode="after")
    def _has_address(self) -> "AppriseSection":
        if "{address}" not in self.url:
            raise ValueError("the URL says nowhere {address}, so every message would go to the same place")
        return self


class PushSettings(TomlTable):
    """Everything that may be set. `also` are recipients of every notice, besides the customer's own."""

    locale: Locale = "zh-CN"
    time_zone: Zone = "Asia/Shanghai"
    currency: Annotated[str, Field(min_length=3, max_length=3)] = "CNY"
    templates: Path | None = None
    also: tuple[str, ...] = ()
    keep_days: Annotated[int, Field(ge=14)] = 180
    quiet: Quiet = Quiet()
    limits: MessageLimits = MessageLimits()
    console: ConsoleSection | None = None
    webhook: WebhookSection | None = None
    webpush: WebPushSection | None = None
    wechat: WechatSection | None = None
    apprise: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], AppriseSection] = Field(default_factory=dict)

    def policy(self) -> Policy:
        return Policy(
            quiet_from=self.quiet.begins,
            quiet_until=self.quiet.ends,
            a_day=self.limits.a_day,
            gap_ms=round(self.limits.gap_s * 1000),
            time_zone=self.time_zone,
        )


# What runs where nothing is set up: nobody is messaged, the log shows what would be said.
CONSOLE_ONLY = PushSettings(also=("console:",), console=ConsoleSection())


def read_push_settings(path: Path | None) -> PushSettings:
    """The settings in a file; without one, only the console. Raises TomlFileError, which shows no secret."""
    return CONSOLE_ONLY if path is None else load_model(path, PushSettings)
