"""What is done to a running fleet, and when: a list made from a seed alone."""

import random
from dataclasses import dataclass, field

WRITERS = ("writer-1", "writer-2")
PUSHERS = ("push-1", "push-2")
WATCHES = ("watch-1",)
WEBS = ("web-1",)
BROKERS = ("broker-1", "broker-2", "broker-3")
# Scaled in this order, again and again, from two workers.
SCALES = (3, 1, 2)
FIRST_AT_S = 5.0
# At the end of the load nothing is done any more, so that the last fault still falls into it.
LAST_BEFORE_END_S = 3.0
FROZEN_BEYOND_SESSION_S = 15.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: how often it is drawn, on what, and how long it lasts.

    `on` is a part, `box` (any one that runs then) or `boxes` (all of them).
    """

    weight: int
    on: str
    lasts_s: tuple[float, float] = (0.0, 0.0)
    only_kafka: bool = False
    # Some need proxies before the broker, which only Apache Kafka's listeners make possible, and those of one broker.
    through_proxy: bool = False
    # Some need a network in which single ways can be cut.
    only_namespaces: bool = False
    is_for_smoke: bool = False
    # Some need somebody who is told.
    needs_customers: bool = False
    # Some need a ledger that is a server.
    only_postgres: bool = False


KINDS = {
    "kill": Kind(6, "box", is_for_smoke=True),
    # So long nothing else happens to the box, which has to come to its step.
    "kill-at-step": Kind(7, "box", (12, 12), is_for_smoke=True),
    "terminate": Kind(3, "box", is_for_smoke=True),
    "freeze": Kind(3, "box", (5, 9)),
    "freeze-beyond-session": Kind(3, "box", (FROZEN_BEYOND_SESSION_S, 60), is_for_smoke=True),
    "kill-all-boxes": Kind(1, "boxes"),
    "scale": Kind(3, "boxes", (8, 8), is_for_smoke=True),
    "new-release": Kind(1, "boxes", (25, 25)),
    "rewind-workers": Kind(1, "boxes", (25, 25)),
    "rewind-writers": Kind(1, "boxes", (25, 25)),
    "kill-broker": Kind(2, "broker", (5, 5), is_for_smoke=True),
    "bounce-broker": Kind(2, "broker", (5, 12)),
    "stop-broker": Kind(1, "broker", (20, 45)),
    "freeze-broker": Kind(1, "broker", (5, 30)),
    "fill-broker-disk": Kind(1, "broker", (8, 15), only_kafka=True),
    "kill-clickhouse": Kind(2, "clickhouse", (3, 3), is_for_smoke=True),
    "stop-clickhouse": Kind(1, "clickhouse", (60, 90)),
    "stop-clickhouse-and-a-writer": Kind(1, "clickhouse", (35, 50)),
    "freeze-clickhouse": Kind(1, "clickhouse", (5, 30)),
    "fill-clickhouse-disk": Kind(1, "clickhouse", (15, 30)),
    "refuse-clickhouse": Kind(1, "clickhouse", (5, 30)),
    "reset-clickhouse": Kind(1, "clickhouse", (5, 30)),
    "blackhole-clickhouse": Kind(1, "clickhouse", (10, 40)),
    "slow-clickhouse": Kind(1, "clickhouse", (15, 30)),
    "lose-clickhouse-answers": Kind(2, "clickhouse", (4, 10), is_for_smoke=True),
    "refuse-kafka": Kind(1, "box", (5, 25), through_proxy=True),
    "reset-kafka": Kind(1, "box", (3, 10), through_proxy=True),
    "blackhole-kafka": Kind(3, "box", (5, 45), through_proxy=True),
    "slow-kafka": Kind(1, "box", (10, 25), through_proxy=True),
    "lose-kafka-answers": Kind(2, "box", (1, 5), through_proxy=True),
    "rewind-push": Kind(1, "boxes", (15, 15), needs_customers=True),
    "lose-webhooks": Kind(1, "webhooks", (3, 8), needs_customers=True, is_for_smoke=True),
    "fail-webhooks": Kind(1, "webhooks", (5, 20), needs_customers=True),
    "hang-webhooks": Kind(1, "webhooks", (5, 20), needs_customers=True),
    "throttle-webhooks": Kind(1, "webhooks", (5, 20), needs_customers=True),
    "lose-sms": Kind(1, "sms", (3, 8), needs_customers=True, is_for_smoke=True),
    "fail-sms": Kind(1, "sms", (3, 10), needs_customers=True),
    "hang-sms": Kind(1, "sms", (3, 10), needs_customers=True),
    "kill-ledger": Kind(2, "ledger", (3, 20), only_postgres=True),
    "freeze-ledger": Kind(1, "ledger", (5, 30), only_postgres=True),
}
# What only several brokers can have.
CLUSTER_KINDS = {
    "kill-controller": Kind(2, "brokers", (5, 20)),
    "kill-two-brokers": Kind(1, "brokers", (8, 20)),
    "wipe-broker": Kind(2, "broker", (40, 40)),
    "roll-brokers": Kind(1, "brokers", (60, 60)),
    "cut-broker-from-boxes": Kind(2, "broker", (10, 45), only_namespaces=True),
    "cut-broker-from-brokers": Kind(2, "broker", (10, 45), only_namespaces=True),
    "isolate-broker": Kind(2, "broker", (10, 45), only_namespaces=True),
}
# The next fault of a broker does not come before the one before can have been made good.
BROKERS_REST_S = 10.0
# The first: its outputs are acknowledged, its changelog is not written yet.
STEPS = {
    "worker": (
        *("worker.outputs_acknowledged", "worker.outputs_acknowledged", "worker.outputs_acknowledged"),
        *("worker.changelog_sent", "worker.before_commit", "worker.acked"),
    ),
    "writer": ("writer.inserted", "writer.before_commit", "writer.after_commit"),
    "push": (
        *("push.planned", "push.committed", "push.before_intent"),
        *("push.intent", "push.called", "push.called", "push.noted"),
    ),
    "watch": ("watch.before_write", "watch.written"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to a part, so many seconds after the load began, for so long; `detail` is a step or a number."""

    at_s: float
    kind: str
    victim: str
    for_s: float = 0.0
    detail: str = ""

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"{self.at_s:7.1f} s  {self.kind:<28} {self.victim}{lasting} {self.detail}".rstrip()


@dataclass(slots=True)
class _Draft:
    """What of the fleet is free when, while a plan is made."""

    has_customers: bool
    api: bool = False
    brokers: tuple[str, ...] = ("broker",)
    workers: int = 2
    scaled: int = 0
    free_at: dict[str, float] = field(default_factory=dict)

    def boxes(self, kind: str) -> list[str]:
        workers = [f"worker-{number}" for number in range(1, self.workers + 1)]
        pushing, api = PUSHERS + WATCHES if self.has_customers else (), WEBS if self.api else ()
        boxes = [*workers, *workers, *WRITERS, *pushing, *api]
        return {"box": boxes, "boxes": ["boxes"], "broker": list(self.brokers)}.get(kind, [kind])

    def is_free(self, victim: str, at: float) -> bool:
        """A part may be hit when the one before is over; all boxes at once only when nothing at all is going on.

        Brokers are one part: what is to hit two of them is a fault of its own.
        """
        if victim == "boxes":
            return max(self.free_at.values(), default=0) <= at
        return max(self.free_at.get(_part(victim), 0), self.free_at.get("boxes", 0)) <= at

    def take(self, fault: Fault) -> None:
        until = fault.at_s + fault.for_s + 1.0
        if len(self.brokers) > 1 and _part(fault.victim) == "broker":
            until += BROKERS_REST_S
        self.free_at[_part(fault.victim)] = until
        if fault.kind == "stop-clickhouse-and-a-writer":
            self.free_at[fault.detail] = until
        if fault.kind == "scale":
            self.scaled += 1
            self.workers = int(fault.detail)


def name_of(part: str) -> str:
    """`worker` of `worker-2`."""
    return part.partition("-")[0]


def _part(victim: str) -> str:
    return "broker" if victim.startswith("broker") else victim


def plan_of(
    seed: int,
    seconds: float,
    *,
    mean_gap_s: float = 19.0,
    broker: str = "kafka",
    smoke: bool = False,
    has_customers: bool = True,
    cluster: bool = False,
    namespaces: bool = True,
    api: bool = False,
    postgres: bool = False,
) -> list[Fault]:
    """The faults of a run of so many seconds: each kind once first, then all kinds by their weights.

    They overlap, but never on one part, and what concerns all boxes comes alone. `told`: there are customers who are
    told, so the push sinks, the watch and the providers are hit as well. `cluster`: three brokers, whose faults are
    every second one of the first. `api`: there is a web server. `postgres`: the ledger is a server that can be hit.
    """
    rng = random.Random(f"chaos {seed}")
    kinds = {
        name: kind
        for name, kind in {**KINDS, **(CLUSTER_KINDS if cluster else {})}.items()
        if not (kind.only_kafka and broker != "kafka")
        and not (kind.through_proxy and (broker != "kafka" or cluster))
        and (namespaces or not kind.only_namespaces)
        and (kind.is_for_smoke or not smoke)
        and (has_customers or not kind.needs_customers)
        and (postgres or not kind.only_postgres)
    }
    weighted = [name for name, kind in kinds.items() for _ in range(kind.weight)]
    deck: list[str] = []
    draft, faults = _Draft(has_customers, api, BROKERS if cluster else ("broker",)), []
    at = FIRST_AT_S
    while at < seconds - LAST_BEFORE_END_S:
        if len(deck) < 2:
            first = rng.sample(sorted(kinds), len(kinds)) if not faults else []
            if cluster:
                first = _with_brokers_in_turn(first, kinds)
            # Drawn from the end.
            deck = [*rng.sample(weighted, len(weighted)), *deck, *first]
        fault = _drawn(deck, kinds, draft, at, seconds - LAST_BEFORE_END_S, rng)
        if fault is None:
            at += 2.0
            continue
        faults.append(fault)
        draft.take(fault)
        at += rng.uniform(0.3, 1.7) * mean_gap_s
    return faults


def _with_brokers_in_turn(names: list[str], kinds: dict[str, Kind]) -> list[str]:
    """The same, to be drawn from the end: a fault of a broker and one of anything else by turns, then the rest."""
    of_brokers = [name for name in names if kinds[name].on.startswith("broker")]
    others = [name for name in names if name not in of_brokers]
    pairs = [name for pair in zip(others[-len(of_brokers) :], of_brokers, strict=False) for name in pair]
    return [*others[: -len(of_brokers)], *pairs]


def _drawn(
    deck: list[str], kinds: dict[str, Kind], draft: _Draft, at: float, end: float, rng: random.Random
) -> Fault | None:
    """The next kind in the deck that can be done now; None where there is none."""
    # Not far down the deck: what has to wait for a quiet moment gets it.
    for index in range(len(deck) - 1, max(-1, len(deck) - 4), -1):
        kind = kinds[deck[index]]
        names = [box for box in draft.boxes(kind.on) if name_of(box) in STEPS or deck[index] != "kill-at-step"]
        free = [box for box in names if draft.is_free(box, at)]
        lasts_s = round(rng.uniform(*kind.lasts_s), 1)
        if not free or at + lasts_s > end:
            continue
        name = deck.pop(index)
        victim = rng.choice(free)
        return Fault(round(at, 1), name, victim, lasts_s, _detail(name, victim, draft, at, rng))
    return None


def first_faults(plan: list[Fault], number: int) -> tuple[list[Fault], float]:
    """The first so many faults, and how many seconds of load they take."""
    faults = plan[:number]
    return faults, max(fault.at_s + fault.for_s for fault in faults) + LAST_BEFORE_END_S


def _detail(name: str, victim: str, draft: _Draft, at: float, rng: random.Random) -> str:
    if name == "kill-at-step":
        return f"{rng.choice(STEPS[name_of(victim)])}:{rng.randint(1, 6)}"
    if name == "scale":
        return str(SCALES[draft.scaled % len(SCALES)])
    if name == "kill-two-brokers":
        return rng.choice(BROKERS)
    if name == "stop-clickhouse-and-a-writer":
        return next((writer for writer in WRITERS if draft.is_free(writer, at)), WRITERS[0])
    if name in ("slow-clickhouse", "slow-kafka"):
        return str(round(rng.uniform(0.1, 0.5 if name == "slow-kafka" else 2.0), 2))
    return ""
