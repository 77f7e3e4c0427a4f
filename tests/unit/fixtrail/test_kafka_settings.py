"""How the boxes log in to Kafka: with a certificate of their own, or with a token that is asked for."""

import asyncio
import datetime
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiokafka.errors import SaslAuthenticationFailed
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fixtrail.settings import KafkaSettings, LedgerSettings, client_options
from runtime.failure import USAGE, ExitError
from runtime.kafka.oauth import ClientCredentials

OAUTH = {"kafka": "k:9093", "kafka_security": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key, encrypted with `open`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fixtrail-worker")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = builder.sign(key, hashes.SHA256())
    (tmp_path / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.BestAvailableEncryption(b"open")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*form))
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_a_box_shows_its_own_certificate(certificate: tuple[Path, Path]):
    cert, key = certificate
    settings = KafkaSettings(
        kafka="k:9093", kafka_security="SSL", kafka_cert=cert, kafka_key=key, kafka_key_password="open"
    )

    assert isinstance(client_options(settings)["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_key_that_cannot_be_opened_is_a_wrong_setting(certificate: tuple[Path, Path], password: str | None):
    cert, key = certificate
    settings = KafkaSettings(
        kafka="k:9093", kafka_security="SSL", kafka_cert=cert, kafka_key=key, kafka_key_password=password
    )

    with pytest.raises(ExitError, match="certificates cannot be used") as refused:
        client_options(settings)
    assert refused.value.exit_code == USAGE


def test_tokens_need_an_endpoint():
    with pytest.raises(ExitError, match="FIXTRAIL_KAFKA_OAUTH_URL"):
        client_options(KafkaSettings.model_validate(OAUTH))


class TokenEndpoint(BaseHTTPRequestHandler):
    """Gives a token to whoever logs in as `box`."""

    requests: ClassVar[list[tuple[str, str]]] = []
    life_s: Any = 3600

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.requests.append((self.headers["Authorization"], form))
        is_known = self.headers["Authorization"] == "Basic Ym94OnMlMjZjcmV0"  # box:s&cret, the secret form-encoded
        body = json.dumps({"access_token": f"t{len(self.requests)}", "expires_in": self.life_s}).encode()
        self.send_response(200 if is_known else 401)
        self.end_headers()
        self.wfile.write(body if is_known else b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    TokenEndpoint.requests, TokenEndpoint.life_s = [], 3600
    server = HTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


def test_one_token_serves_until_shortly_before_its_end(endpoint: str):
    provider = ClientCredentials(endpoint, "box", "s&cret", "kafka")
    tokens = [asyncio.run(provider.token()) for _ in range(2)]

    assert tokens == ["t1", "t1"]
    assert TokenEndpoint.requests[0][1] == "grant_type=client_credentials&scope=kafka"


def test_a_token_that_has_ended_is_replaced(endpoint: str):
    TokenEndpoint.life_s = 0
    provider = ClientCredentials(endpoint, "box", "s&cret")

    assert [asyncio.run(provider.token()) for _ in range(2)] == ["t1", "t2"]


def test_a_client_that_is_refused_is_told_so(endpoint: str):
    with pytest.raises(SaslAuthenticationFailed, match="HTTP 401"):
        asyncio.run(ClientCredentials(endpoint, "box", "wrong").token())


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "password").write_text("from a file\n")
    monkeypatch.setenv("FIXTRAIL_KAFKA_PASSWORD_FILE", str(tmp_path / "password"))
    assert KafkaSettings().kafka_password == "from a file"

    monkeypatch.setenv("FIXTRAIL_KAFKA_PASSWORD", "twice")
    with pytest.raises(ExitError, match="one of them is enough"):
        KafkaSettings()


def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FIXTRAIL_LEDGER_FILE", str(tmp_path / "none"))

    with pytest.raises(ExitError, match="FIXTRAIL_LEDGER_FILE"):
        LedgerSettings()
