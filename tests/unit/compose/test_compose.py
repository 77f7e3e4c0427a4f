"""docker-compose.yml: everything checked, nothing open, no password written down."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from tests.paths import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
ONE_SHOT = {"topics", "migrations"}
SECRETS = ("FIXTRAIL_CLICKHOUSE_PASSWORD", "FIXTRAIL_CLICKHOUSE_READER_PASSWORD", "FIXTRAIL_HASH_KEY")
# Without them, as in an installation of before, they are derived of the hash key.
DERIVED = ("FIXTRAIL_LINK_KEY", "FIXTRAIL_SESSION_KEY", "FIXTRAIL_WEBHOOK_KEY")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_or_runs_once(name):
    service = SERVICES[name]

    assert ("healthcheck" in service) is (name not in ONE_SHOT)
    assert service["restart"] == ("on-failure" if name in ONE_SHOT else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_host_only(name):
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_environment_or_it_does_not_start(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if variable in SECRETS:
            assert value.startswith(f"${{{variable}:?")
        elif variable.removesuffix("_OLD") in DERIVED:
            assert value == f"${{{variable}:-}}"
        elif name == "postgres" and variable == "POSTGRES_PASSWORD":
            # Of a profile; its image refuses to start with an empty one.
            assert value == "${FIXTRAIL_POSTGRES_PASSWORD:-}"
        else:
            assert "PASSWORD" not in variable and "SECRET" not in variable


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_finds_only_the_secrets_that_it_reads(name):
    keys = {*SECRETS, *DERIVED, *(f"{key}_OLD" for key in DERIVED)}
    needed = {variable for variable in SERVICES[name].get("environment", {}) if variable in keys}

    assert {variable.removeprefix("FIXTRAIL_") for variable in needed} == {
        "clickhouse": {"CLICKHOUSE_PASSWORD", "CLICKHOUSE_READER_PASSWORD"},
        "grafana": {"CLICKHOUSE_READER_PASSWORD"},
        "migrations": {"CLICKHOUSE_PASSWORD"},
        "reports": {"CLICKHOUSE_PASSWORD", "CLICKHOUSE_READER_PASSWORD"},
        "sink-clickhouse": {"CLICKHOUSE_PASSWORD", "HASH_KEY"},
        "watch": {"CLICKHOUSE_READER_PASSWORD"},
        "sink-push": {"HASH_KEY", "LINK_KEY", "WEBHOOK_KEY", "WEBHOOK_KEY_OLD"},
        "web": {
            *("CLICKHOUSE_READER_PASSWORD", "HASH_KEY"),
            *("LINK_KEY", "LINK_KEY_OLD", "SESSION_KEY", "SESSION_KEY_OLD"),
        },
    }.get(name, set())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gains_no_rights(name):
    service = SERVICES[name]

    assert "no-new-privileges:true" in service["security_opt"]
    assert name in ("clickhouse", "postgres") or service["cap_drop"] == ["ALL"]
    if service["image"].startswith("fixtrail:"):
        assert service["read_only"] is True
        # What a box writes has a place of its own.
        assert name in ONE_SHOT or any("/var/lib/fixtrail" in volume for volume in service["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_limit_of_memory_and_its_log_one_of_size(name):
    assert SERVICES[name]["mem_limit"]
    assert SERVICES[name]["logging"]["options"]["max-size"]


def test_what_grafana_fetches_has_a_version():
    assert re.fullmatch(r"[\w-]+@\d+\.\d+\.\d+", SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL"])


def test_the_image_holds_every_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {package.partition(".")[0] for package in project["tool"]["setuptools"]["packages"]}
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert packages <= {line.split()[1] for line in lines if line.startswith("COPY ")}
    assert packages <= {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}


def test_nothing_starts_before_what_it_needs():
    for name in ("worker", "sink-clickhouse", "sink-push", "watch"):
        needs = SERVICES[name]["depends_on"]
        assert all(need["condition"] == "service_completed_successfully" for need in needs.values())
    assert set(SERVICES["sink-clickhouse"]["depends_on"]) == ONE_SHOT


def test_the_pages_and_the_push_sink_share_one_ledger_and_one_configuration():
    """A browser that subscribes on a page is told by the push sink."""
    web, push = SERVICES["web"], SERVICES["sink-push"]

    assert web["volumes"] == push["volumes"]
    assert web["environment"]["FIXTRAIL_PUSH"] == push["environment"]["FIXTRAIL_PUSH"]
    assert (ROOT / "compose/push/push.toml").exists()


def test_other_peoples_images_have_a_version():
    for service in SERVICES.values():
        image, _, tag = service["image"].partition(":")
        assert image == "fixtrail" or tag not in ("", "latest")


def test_the_image_runs_as_nobody_special():
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert "USER fixtrail" in lines
    assert any("--require-hashes" in line for line in lines)


def compose(folder, *arguments, **variables):
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
    (folder / "none.env").touch()
    call = [command, "--env-file", folder / "none.env", "-f", ROOT / "docker-compose.yml", *arguments]
    return subprocess.run(call, env=environment | variables, capture_output=True, text=True)


def test_docker_compose_takes_the_file(tmp_path):
    checked = compose(tmp_path, "config", "-q", **dict.fromkeys(SECRETS, "x"))

    assert checked.returncode == 0, checked.stderr


def test_docker_compose_refuses_to_run_without_secrets(tmp_path):
    refused = compose(tmp_path, "config", "-q")

    assert refused.returncode != 0
    assert "compose/secrets.sh" in refused.stderr


def test_fresh_secrets_are_all_there_and_differ():
    output = subprocess.run(["sh", ROOT / "compose/secrets.sh"], capture_output=True, text=True, check=True).stdout
    secrets = dict(line.split("=", 1) for line in output.splitlines())

    assert set(secrets) == {*SECRETS, *DERIVED}
    assert len(set(secrets.values())) == 6
    assert all(len(value) == 32 for value in secrets.values())
