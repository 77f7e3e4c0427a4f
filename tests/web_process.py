"""`fixtrail web` as a process of its own, against a broker that may be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from fixtrail.all_settings import Settings
from fixtrail.local.stack import free_port
from fixtrail.web.api.command import add_key
from tests.stack import ROOT, wait_for


class WebProcess:
    """A running `fixtrail web`; `key` makes an API key in its folder."""

    def __init__(self, folder: Path, bootstrap: str, url: str, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.bootstrap, self.url, self.process = folder, bootstrap, url, process

    def key(self, *scopes: str, source: str = "dms", **allowed: Any) -> str:
        return add_key(Settings(data=self.folder), source, scopes=scopes or ("events:write",), **allowed)[0]

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client that sends this key, by default one that may do everything."""
        text = key or self.key("events:write", "orders:read", "centers:read")
        return httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"authorization": f"Bearer {text}"},
            timeout=60,
            trust_env=False,
            **options,
        )

    def log(self) -> str:
        return (self.folder / "web.log").read_text()


@contextmanager
def web_process(folder: Path, bootstrap: str, settings: Mapping[str, str] | None = None) -> Iterator[WebProcess]:
    """A web server on this broker, whose topics are made first; stopped at the end, which must be clean."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
    environment = {
        **inherited,
        "FIXTRAIL_KAFKA": bootstrap,
        "FIXTRAIL_DATA": str(folder),
        "FIXTRAIL_HASH_KEY": "a-key-for-tests-that-is-long-enough",
        "FIXTRAIL_WEB_PORT": str(port),
        **(settings or {}),
    }
    command = [sys.executable, "-m", "fixtrail"]
    subprocess.run(
        [*command, "migrate", "--only", "topics"], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    with (folder / "web.log").open("ab") as log_file:
        process = subprocess.Popen([*command, "web"], cwd=ROOT, env=environment, stdout=log_file, stderr=log_file)
    web = WebProcess(folder, bootstrap, f"http://127.0.0.1:{port}", process)
    try:
        with web.client() as client:

            def answers() -> bool:
                assert process.poll() is None, web.log()
                try:
                    return client.get("/orders/nobody").status_code == 404
                except httpx.TransportError:
                    return False

            wait_for(answers, 180, "the web server has read the journeys")
        yield web
        process.terminate()
        assert process.wait(90) == 0, web.log()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
