"""Settings in groups, one for each subject: where the brokers and databases are, and what an operator may set.

Every field is an environment variable FIXTRAIL_*, in whichever group it stands. A function takes the group that it
reads; `fixtrail.all_settings.Settings` is all of them, for the command line and the processes.

Where FIXTRAIL_KAFKA or FIXTRAIL_CLICKHOUSE is not set, the endpoints of an embedded stack are read from
`stack.json` in the data folder, so that commands find what `fixtrail up` started.
"""

import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from fixtrail.base_settings import STACK_FILE as STACK_FILE
from fixtrail.base_settings import DataSettings as DataSettings
from fixtrail.base_settings import NoEndpointError as NoEndpointError
from fixtrail.base_settings import SettingsGroup as SettingsGroup
from fixtrail.kafka_settings import KafkaSettings as KafkaSettings
from fixtrail.kafka_settings import client_options as client_options
from fixtrail.voices.case_url import checked_case_url
from runtime.failure import REFUSED, USAGE, ExitError
from runtime.key_strength import strong_key

if TYPE_CHECKING:
    from runtime.tracing import Tracing
    from sinks.clickhouse.layout import Layout


StaffRole = Literal["viewer", "quality", "manager", "admin"]


class SecretSettings(DataSettings):
    """The key of the keyed hashes, and what other keys are derived of where they are not set."""

    hash_key: str | None = Field(default=None, repr=False, description="Secret of the keyed hash of personal ids.")
    hash_key_short: bool = Field(
        default=False, description="Take a hash key of fewer than 32 bytes, for keyed hashes alone."
    )

    def secret(self) -> bytes:
        """The key of the keyed hash. Raises NoEndpointError where none is set, ExitError (78) where it is too short."""
        key = self._hash_key()
        return key.encode() if self.hash_key_short else strong_key(key, "FIXTRAIL_HASH_KEY")

    def _hash_key(self) -> str:
        return self._endpoint(self.hash_key, "hash_key", "FIXTRAIL_HASH_KEY")

    def _signing_keys(self, purpose: str, current: str | None, previous: str | None) -> tuple[bytes, ...]:
        """The key that signs for a purpose, then the one before it; without one of its own, the hash key.

        Raises NoEndpointError where there is none, ExitError (78) where one is too short.
        """
        variable = f"FIXTRAIL_{purpose.upper()}_KEY"
        own = current or self.stack.get(f"{purpose}_key")
        key = strong_key(own, variable) if own else strong_key(self._hash_key(), "FIXTRAIL_HASH_KEY")
        return (key, strong_key(previous, f"{variable}_OLD")) if previous else (key,)


class ClickHouseSettings(DataSettings):
    """Where ClickHouse is, and the two users: one that writes, one that reads the views."""

    clickhouse: str | None = Field(default=None, description="http(s)://host:port of ClickHouse.")
    clickhouse_user: str = "app"
    clickhouse_password: str = Field(default="", repr=False)
    clickhouse_reader: str = "reader"
    clickhouse_reader_password: str = Field(default="", repr=False)
    clickhouse_ca: Path | None = None
    clickhouse_days: int = Field(
        default=0, ge=0, description="Days after which ClickHouse deletes events and closed orders; 0 keeps them."
    )
    clickhouse_database: str = Field(
        default="fixtrail", description="Database of the views; the raw tables are in the one with _raw behind it."
    )
    clickhouse_layout: Literal["single", "replicated", "sharded", "sharded_replicated"] = Field(
        default="single", description="How the tables are laid out over servers; of a new database alone."
    )
    clickhouse_cluster: str = Field(default="", description="Name of the cluster in ClickHouse's remote_servers.")
    clickhouse_nodes: list[str] = Field(
        default_factory=list, description="URLs of all servers of a sharded cluster without Keeper, as a JSON list."
    )
    clickhouse_quorum: str = Field(
        default="0", description="On how many replicas an insert is before it is acknowledged; auto: most of them."
    )

    def clickhouse_url(self) -> str:
        """ClickHouse's URL. Raises NoEndpointError where nothing says where ClickHouse is."""
        return self._endpoint(self.clickhouse, "clickhouse", "FIXTRAIL_CLICKHOUSE")

    def clickhouse_tables(self) -> "Layout":
        """How the tables are laid out. Raises ExitError (2) where these settings do not go together."""
        from sinks.clickhouse.layout import Layout, LayoutError

        try:
            return Layout(
                self.clickhouse_database,
                self.clickhouse_layout,
                self.clickhouse_cluster,
                tuple(self.clickhouse_nodes),
                self.clickhouse_quorum,
            )
        except LayoutError as error:
            raise ExitError(f"FIXTRAIL_CLICKHOUSE_*: {error}", USAGE) from None

    def writer_login(self) -> tuple[str, str]:
        """User and password that may write to ClickHouse."""
        return self._login(self.clickhouse_user, self.clickhouse_password, "clickhouse_password")

    def reader_login(self) -> tuple[str, str]:
        """User and password that may only read the views."""
        return self._login(self.clickhouse_reader, self.clickhouse_reader_password, "clickhouse_reader_password")

    def _login(self, user: str, password: str, name: str) -> tuple[str, str]:
        return user, password or ("" if self.clickhouse else self.stack.get(name, ""))


class ServerSettings(KafkaSettings, ClickHouseSettings):
    """Both servers, for what shows the whole pipeline."""


class StaffSettings(SettingsGroup):
    """How employees are named where their work is counted."""

    staff_ids: Literal["pseudonym", "clear"] = Field(
        default="pseudonym", description="How ClickHouse names technicians: by pseudonyms or their own ids."
    )


class StorageSettings(SecretSettings, ClickHouseSettings, StaffSettings):
    """How the writer stores events in ClickHouse."""

    keep_free_text: bool = Field(default=False, description="Store customers' comments and reasons in ClickHouse.")


class CentersSettings(DataSettings):
    """Where the reference data of the centers is."""

    centers: Path | None = Field(default=None, description="TOML file with the reference data of the centers.")


class RulesSettings(SettingsGroup):
    """What the rules of the journey depend on: which events are refused, and how long an order is remembered."""

    max_record_bytes: int = Field(default=256 * 1024, ge=1024, description="A larger event is a dead letter.")
    max_ahead_s: int = Field(default=24 * 3600, ge=0, description="How far in the future an event may be stamped.")
    hold_days: int = Field(default=60, ge=31, description="Days of event time an order is kept after its close.")


class WorkerSettings(RulesSettings, KafkaSettings):
    """How a stream worker reads its partitions."""

    replay_margin: int = Field(default=1000, ge=0, description="Records read again behind the commit on assignment.")
    batch: int = Field(default=16_000, ge=1, description="Records of a partition a worker takes at once, when behind.")
    dead_letter_limits: bool = Field(default=True, description="Stop a worker that diverts 50 in a row or 5 %.")
    old_notices: bool = Field(default=False, description="Also write notices that are too old to be sent.")
    state_store: Literal["memory", "rocksdb"] = Field(
        default="memory", description="Where a worker has its state; rocksdb, an extra, where it is more than memory."
    )


class TrackingSettings(SecretSettings):
    """What links to the tracking pages are made of."""

    public_url: str | None = Field(
        default=None, description="How customers reach the pages, https://track.example.com."
    )
    link_key: str | None = Field(default=None, repr=False, description="Signs links; by default of hash_key.")
    link_key_old: str | None = Field(default=None, repr=False, description="The one before; its links still open.")

    def link_keys(self) -> tuple[bytes, ...]:
        """What links are signed by, then what older ones may be. Raises as `secret` does."""
        return self._signing_keys("link", self.link_key, self.link_key_old)


class LedgerSettings(SecretSettings):
    """The push sink's own file, and its ledger of what was sent to whom."""

    push: Path | None = Field(default=None, description="TOML file of the push sink; without it, only its log is told.")
    ledger: str | None = Field(
        default=None, repr=False, description="postgresql://… of the push ledger; by default a file in `data`."
    )

    webhook_key: str | None = Field(default=None, repr=False, description="Of it receivers' secrets are derived.")
    webhook_key_old: str | None = Field(default=None, repr=False, description="The one before; it signs as well.")

    def webhook_keys(self) -> tuple[bytes, ...]:
        """What the secrets of webhooks' receivers are derived of: the present key, then the one before."""
        return self._signing_keys("webhook", self.webhook_key, self.webhook_key_old)

    def ledger_dsn(self) -> str:
        """Where the push sink keeps its ledger."""
        return self.ledger or f"sqlite:///{self.data / 'push.sqlite3'}"


class NoticeSettings(KafkaSettings, LedgerSettings, CentersSettings, TrackingSettings):
    """Settings that the text of a message to a customer depends on."""


class ProcedureSettings(SettingsGroup):
    """Standard procedures: the report on them, and the watch box's rule `check_missing`."""

    procedures: Path | None = Field(default=None, description="TOML file of standard procedures by fault group.")


class WatchSettings(KafkaSettings, CentersSettings, ProcedureSettings):
    """The watch box: its rules, and what its alerts are worded with."""

    watch: Path | None = Field(default=None, description="TOML file of the watch box; without it, its defaults.")


class ReportSettings(ClickHouseSettings, ProcedureSettings):
    """What reports are computed from and compared with."""

    targets: Path | None = Field(default=None, description="TOML file with targets and dates, as of the reports.")
    holidays: Path | None = Field(default=None, description="TOML file of holidays and make-up working days.")
    staff: Path | None = Field(default=None, description="TOML file of grades, for report grades.")
    report_s: float = Field(default=30.0, ge=1, description="Seconds a query of a report may take in ClickHouse.")


class ScheduleSettings(LedgerSettings, ReportSettings):
    """The reports box: what goes when and where to, and its ledger."""

    reports: Path | None = Field(default=None, description="TOML file with the schedules of the reports box.")


class AccountSettings(SecretSettings):
    """The staff's accounts and sessions."""

    users: Path | None = Field(default=None, description="TOML file of the accounts; by default users.toml in `data`.")
    users_toml: str | None = Field(default=None, repr=False, description="Further accounts, as such a file's text.")
    session_key: str | None = Field(default=None, repr=False, description="Signs sessions; by default of hash_key.")
    session_key_old: str | None = Field(default=None, repr=False, description="The one before; its sessions go on.")
    session_idle_s: int = Field(default=2 * 3600, ge=60, description="An unused session ends after so long.")
    session_s: int = Field(default=12 * 3600, ge=60, description="Any session ends after so long.")
    second_factor: list[StaffRole] = Field(
        default_factory=list, description="Roles whose local accounts must have a second factor, as a JSON list."
    )

    def session_keys(self) -> tuple[bytes, ...]:
        """What sessions are signed by, then what older ones may be. Raises as `secret` does."""
        keys = self._signing_keys("session", self.session_key, self.session_key_old)
        if self.session_key or self.stack.get("session_key"):
            return keys
        return (hmac.digest(keys[0], b"fixtrail sessions", "sha256"), *keys[1:])


class OidcSettings(SettingsGroup):
    """The identity provider that the staff may sign in by."""

    oidc_issuer: str | None = Field(default=None, description="OpenID Connect provider that people sign in by.")
    oidc_client_id: str = ""
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_scope: str = "openid profile"
    oidc_name_claim: str = Field(default="preferred_username", description="The claim that names the account.")
    oidc_role_claim: str = Field(default="fixtrail_role", description="The claim that gives the role.")
    oidc_roles: dict[str, StaffRole] = Field(
        default_factory=dict, description="Which value of that claim is which role; without it they are the roles."
    )
    oidc_centers_claim: str | None = Field(default=None, description="The claim that lists the centers one may see.")


class ApiKeySettings(DataSettings):
    """Where the keys of the API are, and the log of what each asked."""

    api_keys: Path | None = Field(
        default=None, description="File of the API keys; by default api-keys.json in `data`. Changes count at once."
    )
    api_log: str | None = Field(
        default=None, repr=False, description="postgresql://… of the log of API requests; by default a file in `data`."
    )
    api_log_hours: int = Field(default=72, ge=0, le=24 * 31, description="The log goes back so far; 0 keeps none.")
    api_log_mib: int = Field(default=16, ge=1, le=1024, description="MiB of the log that one key may fill.")

    def api_log_dsn(self) -> str:
        """Where the log of the API's requests is."""
        return self.api_log or f"sqlite:///{self.data / 'api-requests.sqlite3'}"


class TracingSettings(SettingsGroup):
    """Where OpenTelemetry traces go."""

    otel: bool = Field(default=False, description="Send OpenTelemetry traces as the OTEL_* variables say.")
    otel_file: Path | None = Field(default=None, description="Write them to this file instead, as JSON lines.")


class PersonSettings(SecretSettings):
    """Where the keys are that personal fields of events are encrypted with, one an order."""

    seal: bool = Field(default=True, description="Encrypt personal fields of events on their way to Kafka.")
    person_keys: str | None = Field(
        default=None, repr=False, description="postgresql://… of the key store; by default a file in `data`."
    )

    backup_keys_days: int = Field(
        default=30, ge=1, description="Days after which the folder of keys of a backup is deleted, by you."
    )

    def person_keys_dsn(self) -> str:
        """Where the key store is."""
        return self.person_keys or f"sqlite:///{self.data / 'person-keys.sqlite3'}"


class SendingSettings(TracingSettings, KafkaSettings, PersonSettings):
    """What the commands that send events need."""


class HistorySettings(WorkerSettings, SendingSettings, StorageSettings):
    """What sending history past the stream needs: it does what senders, workers and writers do."""


class ApiSettings(RulesSettings, SendingSettings, ApiKeySettings, LedgerSettings):
    """The interface for other systems."""

    api_events_per_minute: int = Field(
        default=60_000, ge=1, description="Events one API key may send to one process, unless the key says otherwise."
    )
    api_ack_s: float = Field(default=10.0, gt=0, description="A request waits so long for Kafka's acknowledgement.")
    api_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, description="A larger request is refused.")


class SignInSettings(OidcSettings, AccountSettings):
    """Both ways to sign in: accounts of our own, and the identity provider."""


class WebSettings(ApiSettings, SignInSettings, NoticeSettings, ReportSettings, StaffSettings):
    """The web server: where it listens, what one address and one link may take up, and what its pages show."""

    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8000, ge=0, description="Port of the pages and the event API; 0 takes a free one.")
    web_proxies: str = Field(
        default="", description="Addresses of proxies whose X-Forwarded-For is believed, by comma."
    )
    web_streams: int = Field(default=10_000, ge=0, description="Live pages that may be open at once.")
    web_streams_of_address: int = Field(default=100, ge=0, description="The same for one address.")
    web_streams_of_link: int = Field(default=10, ge=0, description="The same for one order.")
    case_url: Annotated[str, AfterValidator(checked_case_url)] = Field(
        default="",
        description="Address of a case in your own system, with {center_id}, {order_id} and {case_id} in it.",
    )
    web_requests_of_address: int = Field(default=600, ge=1, description="Requests a minute from one address.")


class PersonsSettings(KafkaSettings, PersonSettings, LedgerSettings, ClickHouseSettings):
    """Every store that a person can be in."""


class RetentionSettings(KafkaSettings):
    """How long closed journeys stay in their topic."""

    journeys_days: int = Field(
        default=400, ge=0, description="Days after which a closed order leaves topic `journeys`; 0 keeps it for ever."
    )


class PulseSettings(RetentionSettings):
    """How often the pipeline is measured from end to end."""

    pulse_s: float = Field(default=5.0, ge=0, description="Seconds between two heartbeats; 0 sends none.")


class ProcessSettings(SettingsGroup):
    """What every process has: a watchdog, a health page and a log."""

    stall_s: float = Field(default=60.0, gt=0, description="Assigned work that stands still so long ends the process.")
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, description="Port of /healthz, /readyz and /metrics; 0 takes a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class StackSettings(WebSettings, ProcessSettings):
    """The embedded stack: its folder, its secrets, and the health page of all its processes."""


def tracing_of(settings: TracingSettings, box: str, group: str = "") -> "Tracing | None":
    """The tracing of a box or a command; None where traces are off.

    Raises ExitError (78) where they are on and the extra `otel` is not installed.
    """
    if not settings.otel and settings.otel_file is None:
        return None
    from runtime.tracing import start_tracing

    try:
        return start_tracing(f"fixtrail-{box}", group, settings.otel_file)
    except ImportError as error:
        raise ExitError(f"traces need the extra `otel` (pip install 'fixtrail[otel]'): {error}", REFUSED) from None
