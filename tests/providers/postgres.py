"""A PostgreSQL of the test's own, where the machine has one installed."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg

from fixtrail.local.child import die_with_parent
from fixtrail.local.ports import free_port


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs; None where there is none."""
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if paths:
        return paths[0].parent
    return Path(path).parent if (path := shutil.which("initdb")) else None


@contextlib.contextmanager
def a_postgres(programs: Path) -> Iterator[str]:
    """A fresh server on loopback that only this test knows; its DSN."""
    # It refuses to run as root.
    user = some_user() if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="fixtrail-pg-"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **owner}
    try:
        data = folder / "data"
        subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "ledger", "-N"], check=True, **options)
        port = free_port()
        command = [programs / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        server = subprocess.Popen(
            [*command, "-c", f"unix_socket_directories={folder}"],
            preexec_fn=partial(die_with_parent, signal.SIGTERM),
            **options,
        )
        try:
            yield _wait_for(f"postgresql://ledger@127.0.0.1:{port}/postgres", server)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def a_database(dsn: str, name: str) -> str:
    """The DSN of a new, empty database on the same server."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{dsn.rpartition('/')[0]}/{name}"


def _wait_for(dsn: str, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            return dsn
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def some_user() -> pwd.struct_passwd:
    """Whom the server runs as where the tests run as root."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("no user but root to run PostgreSQL as")
