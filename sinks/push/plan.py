"""Plans the sends of a notice: one ledger row per recipient; rows that cannot be sent are final from the start."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from pydantic import ValidationError

from runtime.personal.vault import ERASED, Unsealed
from schemas.facts import Notice
from schemas.personal import SEALED
from sinks.push.address import AddressKeys, Recipient, parse_recipient
from sinks.push.channel import Channel
from sinks.push.ledger.ledger import EXPIRED, PLANNED, SUPPRESSED, Send

# The journey that shows what a notice says is written just behind it.
HEAD_START_MS = 200
TOO_OLD = "already too old when it came"
NOBODY = Recipient("none", "")
# What a channel may be called; a sender may have put a telephone number in its place.
_CHANNEL_NAME = re.compile(r"[a-z](?:[a-z_-]|[0-9]{1,3}(?![0-9]))*")


class UnusableNoticeError(ValueError):
    """The record is no notice; the message says why, without any value."""


def read_notice(value: bytes | None) -> Notice:
    """The notice in a record's value. Raises UnusableNoticeError."""
    try:
        return Notice.model_validate_json(value or b"")
    except ValidationError as error:
        first_error = error.errors(include_input=False, include_url=False)[0]
        raise UnusableNoticeError(
            f"{'.'.join(map(str, first_error['loc'][:1])) or 'record'}: {first_error['type']}"
        ) from None


def _content(notice: Notice) -> str:
    """The notice as it is kept until it is final; whom it is for stands in the sends."""
    return orjson.dumps(notice.model_dump(mode="json", exclude={"recipients"})).decode()


def _stored_name(channel: str) -> str:
    """A channel as the ledger names it."""
    return channel[:32] if _CHANNEL_NAME.fullmatch(channel) else NOBODY.channel


def _why_sealed(recipient: Recipient, unsealed: Mapping[str, Unsealed]) -> str:
    opened = unsealed.get(SEALED + recipient.address, ERASED)
    return f"the address is {opened.reason}"


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes sends, with the channels that are set up and the recipients besides the customer."""

    channels: Mapping[str, Channel]
    keys: AddressKeys
    also: Sequence[str] = ()

    def sends(
        self,
        notice: Notice,
        shard: int,
        now: int,
        subscribed: Sequence[str] = (),
        unsealed: Mapping[str, Unsealed] = MappingProxyType({}),
    ) -> list[Send]:
        """A send for each of the notice's recipients, for each address subscribed to the order, and for `also`.

        `unsealed`: the sealed ones as they were; one that nobody can read, or is to read now, is final at once.
        """
        texts = [opened.text or text for text in notice.recipients for opened in (unsealed.get(text, Unsealed(text)),)]
        recipients = list(dict.fromkeys(self._recipients([*texts, *subscribed])))
        body = "" if now >= notice.expires_at else _content(notice)
        sends = [
            self._final_send(notice, recipient, shard, now, _why_sealed(recipient, unsealed))
            if recipient.channel == "sealed"
            else self._send(notice, body, recipient, shard, now)
            for recipient in recipients
        ]
        if not sends:
            sends = [self._final_send(notice, NOBODY, shard, now, "no address")]
        further = dict.fromkeys(self._recipients(self.also))
        return sends + [
            self._send(notice, body, recipient, shard, now) for recipient in further if recipient not in recipients
        ]

    def _recipients(self, texts: Sequence[str]) -> list[Recipient]:
        recipients = []
        for text in texts:
            try:
                recipients.append(parse_recipient(text))
            except ValueError:
                recipients.append(Recipient("none", text))
        return recipients

    def _send(self, notice: Notice, body: str, recipient: Recipient, shard: int, now: int) -> Send:
        channel = self.channels.get(recipient.channel)
        if channel is None:
            name = _stored_name(recipient.channel)
            reason = "the address names no channel" if name == NOBODY.channel else f"channel {name} is not set up"
            return self._final_send(notice, recipient, shard, now, reason)
        if now >= notice.expires_at:
            return self._final_send(notice, recipient, shard, now, TOO_OLD, EXPIRED)
        lane = self.keys.lane(channel.name, channel.lane(recipient.address))
        due_at = max(notice.not_before, now + HEAD_START_MS)
        return self._row(notice, recipient, shard, now, lane, PLANNED, "", due_at, recipient.address, body)

    def _final_send(
        self, notice: Notice, recipient: Recipient, shard: int, now: int, reason: str, state: str = SUPPRESSED
    ) -> Send:
        """A send that is final from the start; neither address nor content are kept."""
        return self._row(notice, recipient, shard, now, _stored_name(recipient.channel), state, reason, now, None, None)

    def _row(
        self,
        notice: Notice,
        recipient: Recipient,
        shard: int,
        now: int,
        lane: str,
        state: str,
        reason: str,
        due_at: int,
        address: str | None,
        body: str | None,
    ) -> Send:
        return Send(
            id=self.keys.send_id(notice.notice_id, recipient),
            notice_id=notice.notice_id,
            center_id=notice.center_id,
            order_id=notice.order_id,
            shard=shard,
            milestone=notice.milestone,
            event_id=notice.event_id,
            occurred_at=notice.occurred_at,
            expires_at=notice.expires_at,
            channel=_stored_name(recipient.channel),
            lane=lane,
            person=self.keys.person(recipient),
            address=address,
            notice=body,
            state=state,
            reason=reason,
            due_at=due_at,
            attempts=0,
            planned_at=now,
            final_at=None if state == PLANNED else now,
        )
