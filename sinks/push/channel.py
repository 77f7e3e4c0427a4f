"""The interface of a channel: sends one message to one address and returns the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Style = Literal["data", "line", "short", "mail", "fields"]


class MessageTexts(Protocol):
    """The texts of one message, each rendered when it is first read."""

    @property
    def title(self) -> str:
        """A heading: one line, at most `wording.TITLE` characters."""

    @property
    def short(self) -> str:
        """A text message with the link: at most `wording.SHORT` characters, more only for a link that is very long."""

    @property
    def text(self) -> str:
        """The whole message in plain text, as an e-mail tells it."""

    @property
    def html(self) -> str:
        """The text as an HTML page that loads nothing from elsewhere."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address. `id` is the same at every attempt, and no other message has it.

    `data` tells the same to machines; `fields` are the values for services whose messages are forms.
    `address` is personal: no channel puts it into a log or a reason. `files` go along where a service takes any.
    """

    id: str
    center_id: str
    order_id: str
    milestone: str
    locale: str
    address: str = field(repr=False)
    words: MessageTexts = field(repr=False)
    link: str = field(repr=False)
    occurred_at: int
    expires_at: int
    data: Mapping[str, Any] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message; `reference` is its name for it."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refuses this message for good. `gone`: the address does not exist any more.

    `no_consent`: the customer has not agreed, or no longer, says the provider.
    """

    reason: str
    gone: bool = False
    no_consent: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not accepted for certain, so a retry is safe; not before `retry_after_s` where the provider says so."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """Unknown outcome: the answer was lost or says nothing. `retry_after_s` as in `NotSent`."""

    reason: str
    retry_after_s: float | None = None


Answer = Accepted | Rejected | NotSent | Unclear


@dataclass(frozen=True, slots=True)
class Traits:
    """How a channel is to be used.

    `idempotent`: the provider knows a message by its id, so one whose outcome is unclear may be sent again.
    `interrupts`: a person notices each message at once, so quiet hours and the limits a day hold.
    `digests`: several held messages may go as one.
    `concurrency` and `a_second` (0: no limit) hold for each lane, `timeout_s` for each call.
    """

    style: Style
    idempotent: bool = False
    interrupts: bool = True
    digests: bool = True
    concurrency: int = 4
    a_second: float = 0.0
    timeout_s: float = 15.0


class Channel(Protocol):
    """One way to reach somebody; `name` is the scheme of its addresses."""

    @property
    def name(self) -> str: ...

    @property
    def traits(self) -> Traits: ...

    def lane(self, address: str) -> str:
        """What waits together when this address does not answer: "" for the whole channel, else a host."""

    def consent(self, milestone: str) -> "ConsentNeeded | None":
        """The consent that a message of this milestone uses up; None where the channel needs none."""

    async def send(self, message: Message) -> Answer:
        """Try once, within `traits.timeout_s`. Raises nothing for what a provider or a network can do."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ConsentNeeded:
    """One consent of the customer is used up by one message; `keep` of them are left for what matters more."""

    kind: str
    keep: int
