"""The contenders of the throughput benchmark: what each is, does, and is given."""

import importlib.util
from collections.abc import Callable

from benchmarks.contenders import kafka_streams, simple_rules
from benchmarks.contenders.rules import NOT_COMPUTED
from benchmarks.measure import Contender

ORDERS_ONLY = "order facts only: no comebacks, center hours or notices"
SIMPLE = "simple rules (check-in, close, lead time, distinct events), events parsed and not validated"
ALL_RULES = "all rules, same outputs and changelog, a batch at a time; cannot restore its state, no dead letters"
FAST = {"FAST_PATH": "1"}
# What of an order was let go after 60 days no longer counts in the versions of the others.
VERSION = frozenset({"version"})


def needs(module: str) -> Callable[[], str | None]:
    """Says that the package is missing where it is."""
    return lambda: None if importlib.util.find_spec(module) else f"needs the package {module} (extra bench)"


def _contender(name: str, title: str, module: str, notes: str, **options: object) -> Contender:
    return Contender(name, title, f"benchmarks.contenders.{module}", notes, **options)  # type: ignore[arg-type]


CONTENDERS = (
    _contender(
        "fixtrail",
        "this worker",
        "fixtrail",
        "all rules (comebacks, center hours, notices, dead letters), outputs before changelog before commit, "
        "restorable state; output and state once an order and batch",
        without=VERSION,
    ),
    _contender(
        "aiokafka",
        "aiokafka loop as users write it (pydantic)",
        "aiokafka_loop",
        f"{ALL_RULES}; events by pydantic's validate_json, which refuses neither depth nor repeated keys",
        without=VERSION,
    ),
    _contender(
        "aiokafka-checked",
        "aiokafka loop, our checks by pydantic",
        "aiokafka_loop",
        f"{ALL_RULES}; events by our decoder without its fast path",
        without=VERSION,
        environment={"CAREFUL": "1"},
    ),
    _contender(
        "aiokafka-fast",
        "aiokafka loop with our fast path",
        "aiokafka_loop",
        f"{ALL_RULES}; events by our decoder and its fast path",
        without=VERSION,
        environment=FAST,
    ),
    _contender(
        "aiokafka-orders",
        "aiokafka loop, orders only",
        "aiokafka_loop",
        f"{ORDERS_ONLY}; state as live objects in memory; output and state once an order and batch",
        without=NOT_COMPUTED,
        environment={"RULES": "orders"},
    ),
    _contender(
        "aiokafka-simple",
        "aiokafka loop, simple rules",
        "aiokafka_loop",
        f"{SIMPLE}; state as live objects in memory; output and state once an order and batch",
        columns=simple_rules.COMPUTED,
        environment={"RULES": "simple"},
    ),
    _contender(
        "streams",
        "Kafka Streams, simple rules (Java)",
        "kafka_streams",
        f"{SIMPLE}; state in RocksDB with a changelog, one output an event, one stream thread, default settings",
        columns=simple_rules.COMPUTED,
        missing=kafka_streams.missing,
    ),
    _contender(
        "quix",
        "Quix Streams",
        "quix",
        f"{ORDERS_ONLY}; pydantic; state in RocksDB with a changelog, one output an event",
        share=0.2,
        without=NOT_COMPUTED,
        missing=needs("quixstreams"),
    ),
    _contender(
        "bytewax",
        "bytewax",
        "bytewax_flow",
        f"{ORDERS_ONLY}; pydantic; state in SQLite once a second, one output an event",
        share=0.2,
        without=NOT_COMPUTED,
        missing=needs("bytewax"),
    ),
    _contender(
        "faust",
        "Faust, textbook",
        "faust_agent",
        f"{ORDERS_ONLY}; pydantic; default settings, one table write and one send an event, JSON state",
        share=0.05,
        without=NOT_COMPUTED,
    ),
    _contender(
        "faust-tuned",
        "Faust, tuned settings",
        "faust_agent",
        "the same code with the settings that the reference offers for throughput",
        share=0.05,
        without=NOT_COMPUTED,
        environment={"FAUST_TUNED": "1"},
    ),
)
