"""The configuration of nginx that docs/customers.md shows, run as it stands before the real web server."""

import getpass
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clickhouse_node import free_ports
from tests.contract.broker.brokers import start_embedded
from tests.paths import ROOT
from tests.stack import wait_for
from tests.web_process import WebProcess, web_process

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def documented(folder: Path, port: int, upstream: str) -> str:
    """The documented server, without a certificate and with its files in a folder."""
    text = (ROOT / "docs/customers.md").read_text(encoding="utf-8")
    block = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert block is not None
    server = re.sub(r"\n *ssl_certificate.*", "", block[1])
    for documented_text, here in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:8000", upstream),
        ("/var/log/nginx", str(folder)),
    ):
        assert documented_text in server
        server = server.replace(documented_text, here)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\nuser {getpass.getuser()};\npid {folder}/nginx.pid;\nerror_log {folder}/start.log;\nevents {{}}\n"
        f"http {{\n{temporary}\n{server}\n}}\n"
    )


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    broker = start_embedded(tmp_path / "broker")
    try:
        with web_process(tmp_path / "web", broker.bootstrap, {"FIXTRAIL_WEB_PROXIES": "127.0.0.1"}) as running:
            yield running
    finally:
        broker.stop()


@pytest.fixture
def proxy(tmp_path: Path, web: WebProcess) -> Iterator[str]:
    (port,) = free_ports(1)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(documented(tmp_path, port, web.url))
    process = subprocess.Popen(["nginx", "-e", str(tmp_path / "start.log"), "-c", str(configuration)])

    def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(listens, 20, "nginx listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_the_documented_proxy_lets_batches_through_and_visitors_be_told_apart(
    web: WebProcess, proxy: str, tmp_path: Path
):
    body = [{"event_id": str(number), "note": "x" * 2500} for number in range(900)]
    with httpx.Client(base_url=proxy, trust_env=False) as client:
        key = {"authorization": f"Bearer {web.key('events:write')}"}
        assert client.post("/v1/events", json=body, headers=key).json()["refused"] == 900

        forged = [{"authorization": "Bearer ftk_x", "x-forwarded-for": f"10.0.0.{number}"} for number in range(62)]
        codes = [client.get("/v1/orders/x", headers=headers).status_code for headers in forged]
        assert codes[0] == 401 and codes[-1] == 429

        web.process.terminate()
        web.process.wait(90)
        assert client.get("/t/the-key-to-a-page").status_code == 502
    assert not [file for file in tmp_path.glob("*.log") if "the-key-to-a-page" in file.read_text()]
