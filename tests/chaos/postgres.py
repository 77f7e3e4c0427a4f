"""The push sinks' ledger in a PostgreSQL of the run's own, which can be killed and frozen like everything else."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.chaos.proxy import HOST
from tests.providers.postgres import find_postgres, some_user

USER = "ledger"


class Postgres:
    """The server's command and address; `close` removes its data, once it has ended."""

    def __init__(self, port: int) -> None:
        """Make the data folder. Raises RuntimeError where PostgreSQL is not installed."""
        programs = find_postgres()
        if programs is None:
            raise RuntimeError("PostgreSQL is not installed: leave --ledger postgresql out")
        # A folder that another user may enter: the server refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="fixtrail-chaos-ledger-"))
        self.dsn = f"postgresql://{USER}@{HOST}:{port}/postgres?connect_timeout=5"
        self._as_user = self._other_user()
        data = self._folder / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", USER]
        subprocess.run([*self._as_user, *initdb], check=True, capture_output=True, cwd=self._folder)
        self.command = [
            *self._as_user,
            *(str(programs / "postgres"), "-D", str(data), "-p", str(port)),
            *("-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={self._folder}"),
        ]

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn).close()
            return True
        return False

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query finds; nothing while the sinks have made no table."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            if connection.execute("SELECT to_regclass('sends') AS name").fetchone() == {"name": None}:
                return []
            return connection.execute(query.encode()).fetchall()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _other_user(self) -> list[str]:
        if os.getuid() != 0:
            return []
        user = some_user()
        os.chown(self._folder, user.pw_uid, user.pw_gid)
        who = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "KILL"]
        return ["setpriv", *who, "--"]
