"""One consumer group: members, generations and rebalances of the classic group protocol.

Follows ClassicGroup and GroupMetadataManager of Apache Kafka 4.1, timing apart: the first member waits FIRST_JOIN_S for
others rather than 3 s.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.member import Joined, JoinRequest, Member, Synced, joining_member, restored_member
from fixtrail.local.broker.rebalance import State, common_protocols, select_protocol

log = logging.getLogger(__name__)

FIRST_JOIN_S = 0.2
"""How long a rebalance of an empty group waits for more members to come."""


@dataclass(eq=False)
class Group:
    """A consumer group. `changed` is called whenever its stable state is another one, to be remembered."""

    id: str
    changed: "Callable[[Group], None]"
    state: State = State.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    _pending: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _unsynced: set[str] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _initial: bool = False
    _initial_left_s: float = 0.0
    _newcomer: bool = False

    def join(self, request: JoinRequest) -> asyncio.Future[Joined]:
        """The member's place in the next generation, once all members have joined it."""
        answer: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        error = self._refusal(request)
        if error is not None:
            answer.set_result(Joined(error, request.member_id))
        elif not request.member_id:
            self._join_unknown(request, answer)
        else:
            self._join_known(request, answer)
        return answer

    def _refusal(self, request: JoinRequest) -> ErrorCode | None:
        if not request.protocol_type or not request.protocols:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if self.members:
            offered = {name for name, _ in request.protocols}
            if request.protocol_type != self.protocol_type or not offered & common_protocols(self.members.values()):
                return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return None

    def _join_unknown(self, request: JoinRequest, answer: asyncio.Future[Joined]) -> None:
        fresh_id = f"{request.instance_id or request.client_id}-{uuid.uuid4()}"
        if request.instance_id is not None:
            old = self._static(request.instance_id)
            if old is not None:
                self._replace_static(old, fresh_id, request, answer)
                return
        elif request.must_know_id:
            self._expect(fresh_id, request.session_s)
            answer.set_result(Joined(ErrorCode.MEMBER_ID_REQUIRED, fresh_id))
            return
        self._add(fresh_id, request, answer)

    def _join_known(self, request: JoinRequest, answer: asyncio.Future[Joined]) -> None:
        pending = self._pending.pop(request.member_id, None)
        if pending is not None:
            pending.cancel()
            self._add(request.member_id, request, answer)
            return
        error = self.refuse_member(request.member_id, request.instance_id)
        if error is not None:
            answer.set_result(Joined(error, request.member_id))
            return
        member = self.members[request.member_id]
        same = member.protocols == request.protocols
        settled = self.state is State.COMPLETING or (self.state is State.STABLE and member.id != self.leader)
        if same and settled:
            # It did not get the answer to its join, or has nothing new: the current generation holds.
            answer.set_result(self._joined(member))
            return
        self._update(member, request, answer)
        self._rebalance_or_complete()

    def _add(self, member_id: str, request: JoinRequest, answer: asyncio.Future[Joined]) -> None:
        if not self.members:
            self.protocol_type = request.protocol_type
        self.members[member_id] = joining_member(member_id, request, answer)
        self._newcomer = True
        self._rebalance_or_complete()

    def _update(self, member: Member, request: JoinRequest, answer: asyncio.Future[Joined]) -> None:
        member.answer_join(Joined(ErrorCode.UNKNOWN_MEMBER_ID, member.id))
        member.protocols, member.client_id = request.protocols, request.client_id
        member.session_s, member.rebalance_s = request.session_s, request.rebalance_s
        member.joining = answer
        member.end_session()

    def _replace_static(self, old: Member, fresh_id: str, request: JoinRequest, answer: asyncio.Future[Joined]) -> None:
        """A static member came back without its id: it takes its old place; a stable group stays as it is."""
        old.end_session()
        old.answer_join(Joined(ErrorCode.FENCED_INSTANCE_ID, old.id))
        old.answer_sync(Synced(ErrorCode.FENCED_INSTANCE_ID))
        del self.members[old.id]
        self._unsynced.discard(old.id)
        member = joining_member(fresh_id, request, answer)
        member.assignment = old.assignment
        self.members[fresh_id] = member
        leader_before = self.leader
        if self.leader == old.id:
            self.leader = fresh_id
        if self.state is State.STABLE and select_protocol(self.members.values()) == self.protocol:
            # The leader of before is named (as before version 9 in Kafka), so that a leader that came back does not
            # assign anew: a stable group would not hand that out.
            self.changed(self)
            member.answer_join(Joined(ErrorCode.NONE, fresh_id, self.generation, self.protocol, leader_before))
            self.touch(member)
        else:
            self._rebalance_or_complete()

    def _expect(self, member_id: str, session_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._pending[member_id] = loop.call_later(session_s, self._give_up_pending, member_id)

    def _give_up_pending(self, member_id: str) -> None:
        del self._pending[member_id]
        if self.state is State.PREPARING:
            self._complete_if_all_joined()

    def _rebalance_or_complete(self) -> None:
        if self.state is State.PREPARING:
            self._complete_if_all_joined()
        else:
            self._prepare()

    def _prepare(self) -> None:
        self._initial = self.state is State.EMPTY
        for member in self.members.values():
            member.answer_sync(Synced(ErrorCode.REBALANCE_IN_PROGRESS))
        self._unsynced.clear()
        self.state = State.PREPARING
        patience_s = self._patience_s()
        if self._initial:
            self._newcomer = False
            delay_s = min(FIRST_JOIN_S, patience_s)
            self._initial_left_s = patience_s - delay_s
            self._set_timer(delay_s, self._complete_initial)
        else:
            self._set_timer(patience_s, self._complete)
            self._complete_if_all_joined()

    def _patience_s(self) -> float:
        return max((member.rebalance_s for member in self.members.values()), default=0.0)

    def _complete_initial(self) -> None:
        if self._newcomer and self._initial_left_s > 0:
            self._newcomer = False
            delay_s = min(FIRST_JOIN_S, self._initial_left_s)
            self._initial_left_s -= delay_s
            self._set_timer(delay_s, self._complete_initial)
        else:
            self._complete()

    def _complete_if_all_joined(self) -> None:
        if (
            not self._initial
            and not self._pending
            and all(member.joining is not None for member in self.members.values())
        ):
            self._complete()

    def _complete(self) -> None:
        """Start the next generation with who has joined; static members keep their place meanwhile."""
        self._set_timer(None)
        self._initial = False
        for absent in [peer for peer in self.members.values() if peer.joining is None and peer.instance_id is None]:
            log.info("group %s: member %s did not rejoin in time", self.id, absent.id)
            self._forget(absent)
        if self.members and not any(member.joining is not None for member in self.members.values()):
            # Only static members that are away: their sessions decide.
            self._set_timer(self._patience_s(), self._complete)
            return
        self.generation += 1
        if not self.members:
            self._settle_empty()
            return
        self._elect()
        self.protocol = select_protocol(self.members.values())
        self.state = State.COMPLETING
        self._unsynced = set(self.members)
        log.info("group %s: generation %d with %d member(s)", self.id, self.generation, len(self.members))
        for member in self.members.values():
            member.assignment = b""
            self.touch(member)
            member.answer_join(self._joined(member))
        self._set_timer(self._patience_s(), self._drop_unsynced)

    def _elect(self) -> None:
        leader = self.members.get(self.leader)
        if leader is None or leader.joining is None:
            self.leader = next(member.id for member in self.members.values() if member.joining is not None)

    def _settle_empty(self) -> None:
        self.state, self.leader, self.protocol = State.EMPTY, "", ""
        self.changed(self)

    def _joined(self, member: Member) -> Joined:
        members: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.id == self.leader:
            members = tuple((peer.id, peer.instance_id, peer.metadata(self.protocol)) for peer in self.members.values())
        return Joined(ErrorCode.NONE, member.id, self.generation, self.protocol, self.leader, members)

    def sync(
        self, member_id: str, instance_id: str | None, generation: int, assignments: dict[str, bytes]
    ) -> asyncio.Future[Synced]:
        """The member's assignment, once the leader has brought all of them."""
        answer: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        error = self.refuse_member(member_id, instance_id)
        if error is None and generation != self.generation:
            error = ErrorCode.ILLEGAL_GENERATION
        if error is None and self.state is State.PREPARING:
            error = ErrorCode.REBALANCE_IN_PROGRESS
        if error is not None:
            answer.set_result(Synced(error))
            return answer
        member = self.members[member_id]
        self._unsynced.discard(member_id)
        self.touch(member)
        if self.state is State.STABLE:
            answer.set_result(Synced(ErrorCode.NONE, member.assignment))
            return answer
        member.answer_sync(Synced(ErrorCode.UNKNOWN_MEMBER_ID))
        member.syncing = answer
        if member_id == self.leader:
            self._assign(assignments)
        return answer

    def _assign(self, assignments: dict[str, bytes]) -> None:
        self.state = State.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.id, b"")
        self.changed(self)
        for member in self.members.values():
            if member.syncing is not None:
                self.touch(member)
                member.answer_sync(Synced(ErrorCode.NONE, member.assignment))

    def _drop_unsynced(self) -> None:
        silent = [self.members[peer] for peer in self._unsynced if peer in self.members]
        if silent and self.state in (State.COMPLETING, State.STABLE):
            for member in silent:
                log.info("group %s: member %s did not sync in time", self.id, member.id)
                self._forget(member)
            self._prepare_or_settle()

    def heartbeat(self, member_id: str, generation: int) -> ErrorCode:
        """Keep the member's session; REBALANCE_IN_PROGRESS asks it to join again."""
        error = self.refuse_member(member_id, None)
        if error is not None:
            return error
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        self.touch(self.members[member_id])
        return ErrorCode.REBALANCE_IN_PROGRESS if self.state is State.PREPARING else ErrorCode.NONE

    def check_commit(self, member_id: str, generation: int) -> ErrorCode:
        """Whether the member may commit offsets; a member of an older generation may not."""
        if generation < 0 and self.state is State.EMPTY:
            return ErrorCode.NONE
        if generation < 0 and not member_id:
            return ErrorCode.UNKNOWN_MEMBER_ID
        error = self.refuse_member(member_id, None)
        if error is not None:
            return error
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        if self.state is State.COMPLETING:
            return ErrorCode.REBALANCE_IN_PROGRESS
        self.touch(self.members[member_id])
        return ErrorCode.NONE

    def leave(self, member_id: str) -> ErrorCode:
        """Take the member out at once."""
        pending = self._pending.pop(member_id, None)
        if pending is not None:
            pending.cancel()
            if self.state is State.PREPARING:
                self._complete_if_all_joined()
            return ErrorCode.NONE
        member = self.members.get(member_id)
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        self._remove(member)
        return ErrorCode.NONE

    def lost(self, answer: asyncio.Future[Joined]) -> None:
        """The connection on which a join waited is gone: a dynamic member cannot come back to it."""
        for member in self.members.values():
            if member.joining is answer and member.instance_id is None:
                self._remove(member)
                return

    def refuse_member(self, member_id: str, instance_id: str | None) -> ErrorCode | None:
        """Why the request is not from a member of this group; None when it is."""
        if instance_id is not None:
            holder = self._static(instance_id)
            if holder is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            return ErrorCode.FENCED_INSTANCE_ID if holder.id != member_id else None
        return None if member_id in self.members else ErrorCode.UNKNOWN_MEMBER_ID

    def touch(self, member: Member) -> None:
        """Start the member's session timeout anew."""
        member.end_session()
        member.session = asyncio.get_running_loop().call_later(member.session_s, self._expire, member)

    def end(self) -> None:
        """Stop all timers."""
        self._set_timer(None)
        for member in self.members.values():
            member.end_session()
        for pending in self._pending.values():
            pending.cancel()

    def _expire(self, member: Member) -> None:
        if self.members.get(member.id) is not member or member.joining is not None:
            return
        log.info("group %s: session of member %s expired", self.id, member.id)
        self._remove(member)

    def _remove(self, member: Member) -> None:
        self._forget(member)
        if self.state is State.PREPARING:
            if self.members or self._initial:
                self._complete_if_all_joined()
            else:
                self._complete()
        else:
            self._prepare_or_settle()

    def _prepare_or_settle(self) -> None:
        if self.members:
            self._prepare()
        else:
            self._set_timer(None)
            self.generation += 1
            self._settle_empty()

    def _forget(self, member: Member) -> None:
        member.end_session()
        self.members.pop(member.id, None)
        self._unsynced.discard(member.id)
        member.answer_join(Joined(ErrorCode.UNKNOWN_MEMBER_ID, member.id))
        member.answer_sync(Synced(ErrorCode.UNKNOWN_MEMBER_ID))

    def _static(self, instance_id: str) -> Member | None:
        return next((peer for peer in self.members.values() if peer.instance_id == instance_id), None)

    def _set_timer(self, delay_s: float | None, then: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None and then is not None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, then)

    def dump(self) -> dict[str, Any]:
        """The group's generation and members as JSON values."""
        return {
            "generation": self.generation,
            "protocol_type": self.protocol_type,
            "protocol": self.protocol,
            "leader": self.leader,
            "members": [member.dump() for member in self.members.values()],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave; the members have one session to show that they still live."""
        self.generation, self.protocol_type = saved["generation"], saved["protocol_type"]
        self.protocol, self.leader = saved["protocol"], saved["leader"]
        self.members = {peer["id"]: restored_member(peer) for peer in saved["members"]}
        self.state = State.STABLE if self.members else State.EMPTY

    def start_sessions(self) -> None:
        """Let the session timeouts of restored members run."""
        for member in self.members.values():
            self.touch(member)
