"""The Faust app: its topics, tables and settings."""

import os
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import faust
from faust.auth import OAuthCredentials

from runtime.kafka.lost_records import LostRecords
from runtime.tracing import Tracing
from streams.journey.merge import merge_hours, merge_orders, merge_vehicles
from streams.worker.batches import BatchSchema, MakeData, PartitionTable, batch_scheduler, in_memory
from streams.worker.consumer import Consumer, Transport
from streams.worker.lease import Lease
from streams.worker.rocks import RocksPartition, require_rocksdb

SESSION_S = 10.0
# A fetch brings a whole batch of a partition that is behind; of one that is level only what is there.
RECORD_BYTES = 384
LEAST_FETCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkerTopics:
    """The names of what a worker reads and writes."""

    events: str = "service-events"
    journeys: str = "journeys"
    center_hours: str = "center-hours"
    notices: str = "notices"
    dead_letters: str = "service-events.dead-letter"


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """All that a worker needs to know. `kafka` are keyword arguments for aiokafka clients, bootstrap_servers first.

    `old_notices` makes notices that have expired already, which nobody gets.
    `data` is a folder for the worker's crash marks and the files of RocksDB; `instance` makes it a static member of its
    consumer group, so that a restart within the session time-out moves no partitions.
    """

    kafka: dict[str, Any]
    data: Path
    app_id: str = "fixtrail"
    instance: str | None = None
    partitions: int = 4
    replication: int = 1
    min_in_sync: int = 1
    topics: WorkerTopics = field(default_factory=WorkerTopics)
    hold_days: int = 60
    batch: int = 16_000
    replay_margin: int = 1000
    max_record_bytes: int = 256 * 1024
    max_ahead_s: int = 24 * 3600
    dead_letter_limits: bool = True
    old_notices: bool = False
    state_store: Literal["memory", "rocksdb"] = "memory"
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """The worker's state; co-partitioned with the events."""

    orders: PartitionTable
    vehicles: PartitionTable
    hours: PartitionTable


def make_app(config: WorkerConfig, lease: Lease, lost: LostRecords) -> tuple[faust.App, Tables, Any]:
    """The app, its tables and its topic of events. The lease follows the app's membership in its group.

    `lost` counts what the brokers deleted before it was read.
    """
    app = faust.App(
        config.app_id,
        broker=[f"kafka://{server}" for server in config.kafka["bootstrap_servers"].split(",")],
        broker_credentials=_credentials(config.kafka),
        store="memory://",
        datadir=str(config.data / "faust"),
        web_enabled=False,
        topic_partitions=config.partitions,
        topic_replication_factor=config.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_group_instance_id=config.instance,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=max(LEAST_FETCH_BYTES, config.batch * RECORD_BYTES),
        # A topic that was made again or has grown is noticed within this time.
        consumer_metadata_max_age_ms=15_000,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=90.0,
        broker_commit_interval=1.0,
        # In batches: more would only lie in memory.
        stream_buffer_maxsize=4,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        ConsumerScheduler=batch_scheduler(config.batch),
    )
    attributes = {
        "replay_margin": config.replay_margin,
        "lease": lease,
        "lost": lost,
        "partitions": config.partitions,
        "events_topic": config.topics.events,
    }
    consumer = type("WorkerConsumer", (Consumer,), attributes)
    app.transport = type("WorkerTransport", (Transport,), {"Consumer": consumer})(app.conf.broker_consumer, app)
    tables = Tables(
        orders=_table(app, "orders", merge_orders, config),
        vehicles=_table(app, "vehicles", merge_vehicles, config),
        hours=_table(app, "hours", merge_hours, config),
    )
    events = app.topic(config.topics.events, schema=BatchSchema(), partitions=config.partitions)
    return app, tables, events


def _table(app: faust.App, name: str, merge: Any, config: WorkerConfig) -> PartitionTable:
    changelog = app.topic(
        f"{config.app_id}-{name}-changelog",
        schema=BatchSchema(),
        partitions=config.partitions,
        compacting=True,
        deleting=False,
        acks=False,
        internal=True,
    )
    table = PartitionTable(
        app,
        merge=merge,
        make=_data_maker(config),
        name=name,
        partitions=config.partitions,
        changelog_topic=changelog,
        # In batches of records; one would make Faust take its special way around.
        recovery_buffer_size=2,
    )
    return app.tables.add(table)  # type: ignore[no-any-return]


def _data_maker(config: WorkerConfig) -> MakeData:
    """Where the tables' partitions are. Raises ExitError (78) where RocksDB is not installed."""
    if config.state_store == "memory":
        return in_memory
    require_rocksdb()
    folder = config.data / "state" / (config.instance or f"pid-{os.getpid()}")
    # What the process before left of partitions that are another worker's now.
    shutil.rmtree(folder, ignore_errors=True)
    return lambda table, number: RocksPartition(folder / table / str(number))


def _credentials(kafka: dict[str, Any]) -> Any:
    """Faust's credentials from aiokafka's keyword arguments; None for a plain connection."""
    context: ssl.SSLContext | None = kafka.get("ssl_context")
    if "sasl_oauth_token_provider" in kafka:
        return OAuthCredentials(oauth_cb=kafka["sasl_oauth_token_provider"], ssl_context=context)
    if str(kafka.get("security_protocol", "PLAINTEXT")).startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka["sasl_plain_username"],
            password=kafka["sasl_plain_password"],
            mechanism=kafka.get("sasl_mechanism", "PLAIN"),
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
