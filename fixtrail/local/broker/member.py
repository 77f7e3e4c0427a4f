"""A member of a consumer group, and what it asks of the group and is answered."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fixtrail.local.broker.errors import ErrorCode


@dataclass(frozen=True)
class JoinRequest:
    """What a member says of itself when it joins."""

    member_id: str
    instance_id: str | None
    client_id: str
    session_s: float
    rebalance_s: float
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    must_know_id: bool
    """Whether a member without an id is first given one to come back with (KIP-394, from version 4 on)."""


@dataclass(frozen=True)
class Joined:
    """The answer to a join; only the leader gets the members, as (member id, instance id, metadata)."""

    error: ErrorCode
    member_id: str = ""
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass(frozen=True)
class Synced:
    """The answer to a sync."""

    error: ErrorCode
    assignment: bytes = b""


@dataclass(eq=False)
class Member:
    """One consumer in the group."""

    id: str
    instance_id: str | None
    client_id: str
    session_s: float
    rebalance_s: float
    protocols: tuple[tuple[str, bytes], ...]
    assignment: bytes = b""
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[Synced] | None = None
    session: asyncio.TimerHandle | None = None

    def metadata(self, protocol: str) -> bytes:
        return dict(self.protocols).get(protocol, b"")

    def answer_join(self, answer: Joined) -> None:
        if self.joining is not None and not self.joining.done():
            self.joining.set_result(answer)
        self.joining = None

    def answer_sync(self, answer: Synced) -> None:
        if self.syncing is not None and not self.syncing.done():
            self.syncing.set_result(answer)
        self.syncing = None

    def end_session(self) -> None:
        if self.session is not None:
            self.session.cancel()
            self.session = None

    def dump(self) -> dict[str, Any]:
        """The member as JSON values, without what it waits for."""
        return {
            "id": self.id,
            "instance_id": self.instance_id,
            "client_id": self.client_id,
            "session_s": self.session_s,
            "rebalance_s": self.rebalance_s,
            "protocols": [[name, data.hex()] for name, data in self.protocols],
            "assignment": self.assignment.hex(),
        }


def restored_member(saved: dict[str, Any]) -> Member:
    """The member that `dump` gave."""
    protocols = tuple((name, bytes.fromhex(data)) for name, data in saved["protocols"])
    return Member(
        saved["id"],
        saved["instance_id"],
        saved["client_id"],
        saved["session_s"],
        saved["rebalance_s"],
        protocols,
        bytes.fromhex(saved["assignment"]),
    )


def joining_member(member_id: str, request: JoinRequest, answer: asyncio.Future[Joined]) -> Member:
    """A member that waits for `answer` to its join."""
    return Member(
        member_id,
        request.instance_id,
        request.client_id,
        request.session_s,
        request.rebalance_s,
        request.protocols,
        joining=answer,
    )
