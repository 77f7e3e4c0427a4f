"""All consumer groups and the offsets that they committed."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.group import Group
from fixtrail.local.broker.journal import Entry, Journal
from fixtrail.local.broker.member import Joined, JoinRequest
from fixtrail.local.broker.rebalance import State

LONGEST_METADATA = 4096
LONGEST_SESSION_S = 1800.0


class Commit(NamedTuple):
    """One committed position: the offset of the next record to read, and the client's remark."""

    topic: str
    partition: int
    offset: int
    metadata: str


class Groups:
    """Consumer groups by id. A group of which only offsets are known (manual assignment) has no `Group`."""

    def __init__(self, journal: Journal, shortest_session_s: float) -> None:
        self._journal = journal
        self._shortest_session_s = shortest_session_s
        self._groups: dict[str, Group] = {}
        self._offsets: dict[str, dict[tuple[str, int], Commit]] = {}
        self._remembered: dict[str, dict[str, Any]] = {}

    def apply(self, entry: Entry) -> None:
        """Take over what the journal says of groups."""
        match entry:
            case ["offset", group_id, topic, partition, offset, metadata]:
                self._note(group_id, Commit(topic, partition, offset, metadata))
            case ["group", group_id, saved]:
                self._groups[group_id] = Group(group_id, self._remember)
                self._groups[group_id].restore(saved)
                self._remembered[group_id] = saved
            case ["group-deleted", group_id]:
                self._drop(group_id)
            case ["topic-deleted", topic]:
                self.forget_topic(topic)

    def entries(self) -> Iterator[Entry]:
        """The groups' entries for a rewritten journal."""
        for group_id, saved in self._remembered.items():
            yield ["group", group_id, saved]
        for group_id, commits in self._offsets.items():
            for commit in commits.values():
                yield ["offset", group_id, *commit]

    def start(self) -> None:
        """Let the sessions of the members known from before run."""
        for group in self._groups.values():
            group.start_sessions()

    def stop(self) -> None:
        for group in self._groups.values():
            group.end()

    def ids(self) -> list[str]:
        return sorted({*self._groups, *self._offsets})

    def get(self, group_id: str) -> Group | None:
        return self._groups.get(group_id)

    def has_offsets(self, group_id: str) -> bool:
        return bool(self._offsets.get(group_id))

    def join(self, group_id: str, request: JoinRequest) -> asyncio.Future[Joined]:
        """The member's place in the group's next generation."""
        refusal = None
        if not group_id:
            refusal = ErrorCode.INVALID_GROUP_ID
        elif not self._shortest_session_s <= request.session_s <= LONGEST_SESSION_S:
            refusal = ErrorCode.INVALID_SESSION_TIMEOUT
        elif request.member_id and group_id not in self._groups:
            refusal = ErrorCode.UNKNOWN_MEMBER_ID
        if refusal is not None:
            answer: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
            answer.set_result(Joined(refusal, request.member_id))
            return answer
        group = self._groups.setdefault(group_id, Group(group_id, self._remember))
        return group.join(request)

    def check_commit(self, group_id: str, member_id: str, generation: int) -> ErrorCode:
        """Whether the member (or a client without group membership: generation -1) may commit."""
        group = self._groups.get(group_id)
        if group is not None:
            return group.check_commit(member_id, generation)
        return ErrorCode.NONE if generation < 0 else ErrorCode.ILLEGAL_GENERATION

    def commit(self, group_id: str, commits: list[Commit]) -> None:
        """Keep the offsets; once this returns they survive the end of this process."""
        self._journal.append(*(["offset", group_id, *commit] for commit in commits))
        for commit in commits:
            self._note(group_id, commit)

    def committed(self, group_id: str) -> dict[tuple[str, int], Commit]:
        """The group's committed offsets by topic and partition."""
        return self._offsets.get(group_id, {})

    def delete(self, group_id: str) -> ErrorCode:
        """Forget the group and its offsets; refused while it has members."""
        group = self._groups.get(group_id)
        if group is None and group_id not in self._offsets:
            return ErrorCode.GROUP_ID_NOT_FOUND
        if group is not None and group.state is not State.EMPTY:
            return ErrorCode.NON_EMPTY_GROUP
        self._drop(group_id)
        self._journal.append(["group-deleted", group_id])
        return ErrorCode.NONE

    def forget_topic(self, topic: str) -> None:
        """Drop the offsets in a topic that was deleted: a new one of that name starts at zero."""
        for commits in self._offsets.values():
            for key in [key for key in commits if key[0] == topic]:
                del commits[key]

    def _note(self, group_id: str, commit: Commit) -> None:
        self._offsets.setdefault(group_id, {})[commit.topic, commit.partition] = commit

    def _drop(self, group_id: str) -> None:
        for table in (self._groups, self._offsets, self._remembered):
            table.pop(group_id, None)

    def _remember(self, group: Group) -> None:
        self._remembered[group.id] = group.dump()
        self._journal.append(["group", group.id, self._remembered[group.id]])
