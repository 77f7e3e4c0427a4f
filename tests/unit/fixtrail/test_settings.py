"""Settings are read in groups; the whole holds every group, under the same names of the environment."""

from pathlib import Path

import pytest

from fixtrail import settings
from fixtrail.all_settings import Settings, read_settings
from fixtrail.settings import ClickHouseSettings, KafkaSettings, SettingsGroup, client_options
from runtime.failure import USAGE, ExitError

GROUPS = [
    group
    for group in vars(settings).values()
    if isinstance(group, type) and issubclass(group, SettingsGroup) and group is not SettingsGroup
]


def test_the_whole_is_every_group():
    assert all(issubclass(Settings, group) for group in GROUPS)
    assert set(Settings.model_fields) == {name for group in GROUPS for name in group.model_fields}


def test_each_setting_is_declared_in_one_group():
    names = [name for group in GROUPS for name in vars(group).get("__annotations__", {}) if name in group.model_fields]

    assert sorted(names) == sorted(Settings.model_fields)


def test_a_group_reads_its_own_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FIXTRAIL_KAFKA", "kafka.example:9092")
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE", "https://clickhouse.example")

    assert client_options(KafkaSettings(data=tmp_path))["bootstrap_servers"] == "kafka.example:9092"
    assert ClickHouseSettings(data=tmp_path).clickhouse_url() == "https://clickhouse.example"


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FIXTRAIL_PARTITIONS", "none")
    monkeypatch.setenv("FIXTRAIL_WEB_PORT", "-1")

    with pytest.raises(ExitError) as refused:
        read_settings()

    assert all(f"FIXTRAIL_{name}: " in str(refused.value) for name in ("PARTITIONS", "WEB_PORT"))
    assert refused.value.exit_code == USAGE
