"""The real ClickHouse server out of the chDB wheel, as one child process on loopback: for development and demos.

    python -m fixtrail.local.clickhouse --http-port 8123 --tcp-port 9000 --data DIR

Prints `ready` once it answers and stops cleanly on SIGTERM, or when the process that started it is gone. Passwords
of the users `app` (owns the two databases) and `reader` (may read the views) come from the environment
(FIXTRAIL_CLICKHOUSE_PASSWORD, FIXTRAIL_CLICKHOUSE_READER_PASSWORD) or from a JSON file, made with random ones if new.

The wheel is a library: `_chdb.query` is a private entry point, so its version is pinned and tests/integration covers
what is used of it. In that mode the server's own session is one of user `default`, who has no password; nobody else
gets in as `default`, because that session is the only one it may have. Any user's SELECT * FROM Python(x) ends the
process: loopback only, and supervised.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib
import json
import os
import secrets
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

from fixtrail.local.clickhouse_shards import cluster_parts
from fixtrail.local.landlock import shut_in

PASSWORDS_FILE = "passwords.json"
READY = "ready"
QUERY_LIMIT_S = 10.0
# One machine runs everything: what an analyst asks of it by mistake must not hold it up for long.
READER_S = 4.0
# Reports ask for as much: FIXTRAIL_REPORT_S.
REPORT_S = 30.0
CLOSE_LIMIT_S = 1.0
LOCK_LIMIT_S = QUERY_LIMIT_S + 5.0

_FOLDERS = ("store", "user_files", "tmp")

# chDB serves for as long as this query runs.
_SERVE = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sum(sleepEachRow(3)) FROM numbers(1000000000) SETTINGS max_block_size = 1"
)
_RUNNING = "SELECT count() FROM system.processes WHERE user != '' AND query NOT LIKE '%system.processes%'"
_END_SERVE = "KILL QUERY WHERE user = '' AND query LIKE 'SELECT sum(sleepEachRow%' ASYNC"

# Sized for a laptop's two cores: few background threads, small caches, no log tables, joins of one hash table each:
# one table for each thread costs two cores more than it saves.
_CONFIG = """\
<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http_port}</http_port>
  <tcp_port>{tcp_port}</tcp_port>
  <timezone>UTC</timezone>
  <keep_alive_timeout>60</keep_alive_timeout>
  <user_files_path>{data}/user_files/</user_files_path>
  <tmp_path>{data}/tmp/</tmp_path>
  {remote_servers}
  <user_directories><users_xml><path>{config}</path></users_xml></user_directories>

  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <max_concurrent_queries>64</max_concurrent_queries>
  <max_thread_pool_size>256</max_thread_pool_size>
  <max_thread_pool_free_size>16</max_thread_pool_free_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>8388608</index_mark_cache_size>
  <mmap_cache_size>64</mmap_cache_size>
  <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
  <query_cache><max_size_in_bytes>16777216</max_size_in_bytes></query_cache>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>

  <profiles>
    <default>
      <async_insert>0</async_insert>{shard_settings}
      <max_threads>{threads}</max_threads>
      <max_threads_min_free_memory_per_thread>{thread_memory}</max_threads_min_free_memory_per_thread>
      <max_memory_usage>{query_memory}</max_memory_usage>
    </default>
    <nobody>
      <max_sessions_for_user>1</max_sessions_for_user>
      <max_memory_usage>10000000</max_memory_usage>
    </nobody>
    <reader>
      <readonly>1</readonly>{shard_settings}
      <max_threads>{threads}</max_threads>
      <max_threads_min_free_memory_per_thread>{thread_memory}</max_threads_min_free_memory_per_thread>
      <join_algorithm>hash</join_algorithm>
      <max_execution_time>{reader_s:g}</max_execution_time>
      <max_memory_usage>{reader_memory}</max_memory_usage>
      <max_result_rows>1000000</max_result_rows>
      <result_overflow_mode>throw</result_overflow_mode>
      <max_concurrent_queries_for_user>16</max_concurrent_queries_for_user>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
      <constraints>
        <max_execution_time><min>1</min><max>{longest_s:g}</max><changeable_in_readonly/></max_execution_time>
      </constraints>
    </reader>
  </profiles>
  <quotas>
    <default/>
    <nobody><interval><duration>2000000000</duration><queries>{serve_queries}</queries></interval></nobody>
  </quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks><profile>nobody</profile><quota>nobody</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
    <app>
      <password_sha256_hex>{app_hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants>
        <query>GRANT ALL ON fixtrail.*</query>
        <query>GRANT ALL ON fixtrail_raw.*</query>
        <query>GRANT TABLE ENGINE ON MergeTree</query>{shard_grants}
        <query>GRANT TABLE ENGINE ON ReplacingMergeTree</query>
        <query>GRANT SELECT, SHOW ON system.*</query>
        <query>GRANT CREATE TEMPORARY TABLE, KILL QUERY, SYSTEM LISTEN ON *.*</query>
      </grants>
    </app>
    <reader>
      <password_sha256_hex>{reader_hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota>
      <grants>
        <query>GRANT SELECT, SHOW ON fixtrail.*</query>
        <query>GRANT SELECT ON system.databases</query>
        <query>GRANT SELECT ON system.tables</query>
        <query>GRANT SELECT ON system.columns</query>
        <query>GRANT SELECT ON system.settings</query>
        <query>GRANT SELECT ON system.functions</query>
      </grants>
    </reader>
  </users>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server listens and keeps its data, and how the two users log in."""

    http_port: int
    tcp_port: int
    data: Path
    app_password: str
    reader_password: str
    memory_mb: int = 2048
    reader_s: float = READER_S
    report_s: float = REPORT_S
    shard_ports: tuple[int, ...] = ()


def render_config(server: Server) -> Path:
    """Write the server's configuration into its data folder, readable by its owner only; returns the file."""
    data = server.data.resolve()
    config = data / "config.xml"
    for folder in _FOLDERS:
        (data / folder).mkdir(parents=True, exist_ok=True)
    text = _CONFIG.format(
        http_port=server.http_port,
        tcp_port=server.tcp_port,
        data=escape(str(data)),
        config=escape(str(config)),
        memory=server.memory_mb << 20,
        query_memory=(server.memory_mb << 20) * 3 // 4,
        reader_memory=(server.memory_mb << 20) // 2,
        reader_s=server.reader_s,
        longest_s=max(server.reader_s, server.report_s),
        serve_queries=len(_SERVE.split(";")),
        threads=min(4, os.cpu_count() or 1),
        # By default each thread of a query wants 1 GiB free, which leaves a small server one thread.
        thread_memory=128 << 20,
        app_hash=_sha256(server.app_password),
        reader_hash=_sha256(server.reader_password),
        **cluster_parts(server.shard_ports, server.app_password),
    )
    config.touch(mode=0o600)
    config.write_text(text)
    return config


def load_passwords(file: Path) -> tuple[str, str]:
    """Passwords of `app` and `reader`: from the environment, else from the file, which is made if it is new."""
    app = os.environ.get("FIXTRAIL_CLICKHOUSE_PASSWORD")
    reader = os.environ.get("FIXTRAIL_CLICKHOUSE_READER_PASSWORD")
    if app and reader:
        return app, reader
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        passwords = {"app": secrets.token_urlsafe(24), "reader": secrets.token_urlsafe(24)}
        file.touch(mode=0o600)
        file.write_text(json.dumps(passwords))
    stored = json.loads(file.read_text())
    return app or stored["app"], reader or stored["reader"]


def serve(server: Server) -> int:
    """Run the server until SIGTERM, SIGINT or the end of the parent; returns the exit code."""
    parent = os.getppid()  # now: by the time the server answers it may be gone already
    lock = _lock(server.data)
    if lock is None:
        print(f"clickhouse: another server runs in {server.data}", file=sys.stderr)
        return 70
    # What a killed server left there helps nobody, and must not meet the next one.
    shutil.rmtree(server.data / "tmp", ignore_errors=True)
    folder = render_config(server).parent
    if not _shut_in(folder, [server.http_port, *server.shard_ports]):
        print("clickhouse: no Landlock here, so its users can read this user's files with file()", file=sys.stderr)
    os.environ["TZ"] = "UTC"
    # The import opens an engine of its own: in a folder without a config.xml, with its files under TMPDIR.
    os.environ["TMPDIR"] = str(folder / "tmp")
    os.chdir(folder / "tmp")
    engine = importlib.import_module("chdb._chdb")
    os.chdir(folder)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    failure: list[str] = []

    def hold() -> None:
        try:
            result = engine.query(_SERVE, "TabSeparated", path=str(folder / "store"))
            failure.append(result.error_message() or "the server ended by itself")
        except Exception as error:
            failure.append(str(error))
        finally:
            stop.set()

    holder = threading.Thread(target=hold, name="clickhouse", daemon=True)
    holder.start()
    if _wait_until_ready(server, stop):
        print(READY, flush=True)
        _wait_for_end(stop, parent)
    if failure:
        print(f"clickhouse: {failure[0]}", file=sys.stderr, flush=True)
        return 70
    _end(server, holder)
    # The engine's own threads may outlive its shutdown; nothing is left to write.
    sys.stdout.flush()
    os._exit(0)


def _lock(data: Path) -> IO[str] | None:
    """Holds the folder for this process for as long as it is open; None where another one keeps it.

    One that is about to end is waited for.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "lock").open("w")
    deadline = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                return None
            time.sleep(0.1)


def _shut_in(folder: Path, ports: list[int]) -> bool:
    """Leave the server its data, its code and what it asks of the machine; False where the kernel cannot.

    ClickHouse in its local mode lets every user read any file with the function file(), /proc/self/environ with the
    passwords in it included. The folder with stack.json and passwords.json is out of reach too.
    """
    code = (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/urandom")
    # Without self/auxv the engine takes what lies behind the environment for it. That is the heap, since os.environ has
    # moved the environment there: by what happens to be in it, the engine dies of SIGSEGV while it is loaded.
    machine = ("self/auxv", "self/maps", "self/statm", "meminfo", "stat", "cpuinfo")
    return shut_in(
        read=[
            *map(Path, code),
            *(Path("/proc") / name for name in machine),
            Path("/sys/fs/cgroup"),
            Path("/sys/devices/system/cpu"),
            folder / "config.xml",
        ],
        write=[*(folder / name for name in _FOLDERS), Path("/dev/null")],
        connect=ports,
    )


def _wait_until_ready(server: Server, stop: threading.Event) -> bool:
    while not stop.is_set():
        with contextlib.suppress(OSError):
            _ask(server, "SELECT 1", timeout=5)
            return True
        time.sleep(0.02)
    return False


def _wait_for_end(stop: threading.Event, parent: int) -> None:
    """Return when asked to stop, or when the parent is gone: a killed supervisor must not leave a server behind."""
    while not stop.wait(0.25) and os.getppid() == parent:
        pass


def _end(server: Server, holder: threading.Thread) -> None:
    """Let running queries come to their end, then close the engine; merges are given up."""
    deadline = time.monotonic() + QUERY_LIMIT_S
    # The engine prints that its query was cancelled, which is what was asked for.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(OSError):
        _ask(server, "SYSTEM STOP LISTEN TCP", timeout=QUERY_LIMIT_S)
        while int(_ask(server, _RUNNING, timeout=QUERY_LIMIT_S)) and time.monotonic() < deadline:
            time.sleep(0.05)
        _ask(server, _END_SERVE, timeout=QUERY_LIMIT_S)
    # It would wait longer for clients that only keep their connection open, and then exit with code 1.
    holder.join(CLOSE_LIMIT_S)


def _ask(server: Server, sql: str, *, timeout: float) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.http_port}/",
        data=sql.encode(),
        headers={"X-ClickHouse-User": "app", "X-ClickHouse-Key": server.app_password},
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        content: bytes = answer.read()
        return content


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m fixtrail.local.clickhouse", description=__doc__.splitlines()[0])
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--tcp-port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the server's data")
    parser.add_argument("--password-file", type=Path, help=f"JSON with app and reader (default DIR/{PASSWORDS_FILE})")
    parser.add_argument("--memory-mb", type=int, default=2048, help="memory the server may take (default 2048)")
    parser.add_argument(
        "--reader-s",
        type=float,
        default=float(os.environ.get("FIXTRAIL_READER_S", READER_S)),
        help=f"seconds a reader's query may take (default FIXTRAIL_READER_S, or {READER_S:g})",
    )
    parser.add_argument(
        "--report-s",
        type=float,
        default=float(os.environ.get("FIXTRAIL_REPORT_S", REPORT_S)),
        help=f"seconds it may ask for, as reports do (default FIXTRAIL_REPORT_S, or {REPORT_S:g})",
    )
    parser.add_argument("--shard-ports", default="", help="TCP ports of all servers of the cluster `shards`, by comma")
    args = parser.parse_args(argv)
    app, reader = load_passwords(args.password_file or args.data / PASSWORDS_FILE)
    limits = args.memory_mb, args.reader_s, args.report_s, tuple(map(int, filter(None, args.shard_ports.split(","))))
    return serve(Server(args.http_port, args.tcp_port, args.data, app, reader, *limits))


if __name__ == "__main__":
    raise SystemExit(main())
