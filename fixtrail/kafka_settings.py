"""Where the brokers are, how to log in to them, and what topics are created with."""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fixtrail.base_settings import DataSettings
from runtime.failure import USAGE, ExitError

PARTITIONS_FILE = "partitions"


class KafkaSettings(DataSettings):
    """Where the brokers are, how to log in, and how topics are created."""

    app_id: str = Field(default="fixtrail", description="Prefix of consumer groups and changelogs.")
    kafka: str | None = Field(default=None, description="Bootstrap servers, host:port[,host:port].")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    kafka_user: str | None = None
    kafka_password: str | None = Field(default=None, repr=False)
    kafka_ca: Path | None = Field(default=None, description="CA file of the brokers' certificates.")
    kafka_cert: Path | None = Field(default=None, description="Our own certificate (PEM, with its chain), for mTLS.")
    kafka_key: Path | None = Field(default=None, description="Its private key, where `kafka_cert` does not hold it.")
    kafka_key_password: str | None = Field(default=None, repr=False, description="Of an encrypted private key.")
    kafka_oauth_url: str | None = Field(default=None, description="Token endpoint, for OAUTHBEARER.")
    kafka_oauth_client_id: str = ""
    kafka_oauth_client_secret: str = Field(default="", repr=False)
    kafka_oauth_scope: str = Field(default="", description="Scopes to ask for, by space.")
    kafka_oauth_ca: Path | None = Field(default=None, description="CA file of the token endpoint's certificate.")
    partitions: int = Field(default=4, ge=1, description="Partitions of every topic; frozen once created.")
    replication: int = Field(default=1, ge=1, description="Replicas of every topic.")
    min_insync_replicas: int | None = Field(
        default=None, ge=1, description="Replicas that must have a record before it counts; by default 2 of several."
    )

    @property
    def partition_count(self) -> int:
        """Partitions of every topic: as set, else as the embedded stack's topics were last given."""
        if "partitions" in self.model_fields_set or self.kafka is not None:
            return self.partitions
        return self.stack.get("partitions") or recorded_partitions(self.data) or self.partitions

    @property
    def min_in_sync(self) -> int:
        """The topics' min.insync.replicas."""
        return self.min_insync_replicas or min(2, self.replication)

    def bootstrap(self) -> str:
        """Kafka's host:port list. Raises NoEndpointError where nothing says where Kafka is."""
        return self._endpoint(self.kafka, "kafka", "FIXTRAIL_KAFKA")


def recorded_partitions(folder: Path) -> int | None:
    """The number of partitions that `fixtrail kafka partitions` gave the topics of an embedded stack; None before."""
    try:
        return int((folder / PARTITIONS_FILE).read_text())
    except FileNotFoundError:
        return None


def record_partitions(folder: Path, partitions: int) -> None:
    """Have the embedded stack of a folder start with this number from now on."""
    (folder / PARTITIONS_FILE).write_text(f"{partitions}\n")


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client: where the brokers are, TLS and login.

    Raises NoEndpointError where nothing says where Kafka is, ExitError (2) where a certificate cannot be used or the
    token endpoint is missing.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap(),
        "client_id": settings.app_id,
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
    if options.get("sasl_mechanism") == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = _token_provider(settings)
    elif "sasl_mechanism" in options:
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = settings.kafka_password
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Trusts the brokers' authority, and shows our own certificate where there is one."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca)
        if settings.kafka_cert is not None:
            # Without a password OpenSSL would ask at the terminal.
            context.load_cert_chain(settings.kafka_cert, settings.kafka_key, settings.kafka_key_password or "")
    except (OSError, ssl.SSLError) as error:
        files = (settings.kafka_ca, settings.kafka_cert, settings.kafka_key)
        names = ", ".join(str(path) for path in files if path is not None)
        raise ExitError(f"Kafka's certificates cannot be used ({names}): {error}", USAGE) from None
    return context


def _token_provider(settings: KafkaSettings) -> Any:
    from runtime.kafka.oauth import ClientCredentials

    if not settings.kafka_oauth_url:
        raise ExitError("FIXTRAIL_KAFKA_OAUTH_URL is not set: OAUTHBEARER asks there for tokens", USAGE)
    return ClientCredentials(
        settings.kafka_oauth_url,
        settings.kafka_oauth_client_id,
        settings.kafka_oauth_client_secret,
        settings.kafka_oauth_scope,
        str(settings.kafka_oauth_ca) if settings.kafka_oauth_ca else None,
    )
