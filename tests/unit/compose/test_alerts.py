"""Alerts and panels speak of what the boxes really measure, and every alert has its page for whoever it wakes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.metrics import METRICS
from tests.paths import ROOT

PROMETHEUS = ROOT / "compose/prometheus"
RUNBOOKS = ROOT / "docs/runbooks"
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARDS = sorted((ROOT / "compose/grafana/dashboards").glob("*.json"))

# What Prometheus makes of the rules: Debian's package `prometheus` has promtool.
SERIES = ROOT / "tests/unit/compose/alerts_fire.yml"

# Of every process, by the Prometheus client, and what Prometheus itself adds.
EVERYWHERE = {
    "up": {"job", "instance"},
    "process_start_time_seconds": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
    "process_cpu_seconds_total": {"job", "instance"},
    "process_open_fds": {"job", "instance"},
    "process_max_fds": {"job", "instance"},
}
_NAME = re.compile(r"\b(?:fixtrail|process)_[a-z_]+\b|\bup\b")
_SUFFIX = re.compile(r"_(?:bucket|sum|count|total)$")
_GROUPED = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
_MATCHED = re.compile(r"([a-z_]+)\s*=~?\s*\"")


def labels_by_metric() -> dict[str, set[str]]:
    names = dict(EVERYWHERE)
    for box, measures in METRICS.items():
        for measure, about in measures.items():
            names[f"fixtrail_{box}_{measure}"] = {*about.labels, "le", "job", "instance"}
    return names


def panels(dashboard: Path) -> Iterator[tuple[str, str]]:
    """Title and query of each panel."""
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


QUERIES = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    panel for dashboard in DASHBOARDS if dashboard.stem == "operators" for panel in panels(dashboard)
]


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_queries_name_metrics_and_labels_that_exist(title, query):
    known_labels = labels_by_metric()
    unquoted = re.sub(r'"[^"]*"', '""', query)
    names = {name if name in known_labels else _SUFFIX.sub("", name) for name in _NAME.findall(unquoted)}

    assert names and names <= set(known_labels)
    labels = {label.strip() for group in _GROUPED.findall(unquoted) for label in group.split(",") if label.strip()}
    labels |= set(_MATCHED.findall(unquoted))
    assert labels <= set().union(*(known_labels[name] for name in names))


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_counters_are_read_as_rates_and_parentheses_close(title, query):
    for name in re.findall(r"\bfixtrail_[a-z_]+_(?:total|bucket)\b", query):
        assert re.search(rf"(rate|increase|absent|changes)\({name}\b", query), name
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_page(rule):
    page = ROOT / rule["annotations"]["runbook"]
    text = page.read_text()

    assert page.parent == RUNBOOKS
    assert text.startswith(f"# {rule['alert']}\n")
    assert all(part in text for part in ("**What it means.**", "**Look here**", "**Do this**"))
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"]


def test_every_alert_fires_in_a_case_of_its_own():
    cases = [case for test in yaml.safe_load(SERIES.read_text())["tests"] for case in test["alert_rule_test"]]

    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == {rule["alert"] for rule in RULES}


def test_prometheus_fires_them_and_is_silent_while_all_is_well():
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "test", "rules", str(SERIES)], capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_page_belongs_to_an_alert():
    assert {page.name for page in RUNBOOKS.glob("*.md")} == {
        Path(rule["annotations"]["runbook"]).name for rule in RULES
    }


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_pages_lead_to_pages_that_are_there(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_prometheus_asks_every_box_that_compose_starts():
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    boxes = {name for name, service in services.items() if "FIXTRAIL_HEALTH_PORT" in service.get("environment", {})}

    assert {job["job_name"] for job in jobs} == boxes
    for job in jobs:
        (source,) = job["dns_sd_configs"]
        assert source["names"] == [job["job_name"]]
        assert str(source["port"]) == services[job["job_name"]]["environment"]["FIXTRAIL_HEALTH_PORT"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_provisioned(dashboard):
    content = json.loads(dashboard.read_text())
    ids = [panel["id"] for panel in content["panels"]]

    assert content["uid"] and content["title"]
    assert len(ids) == len(set(ids))
    for panel in content["panels"]:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24


def test_every_measure_is_on_the_dashboard_or_in_an_alert():
    queries = "\n".join(query for _, query in QUERIES)
    left_out = {
        name for name in labels_by_metric() if name.startswith("fixtrail_") and not re.search(rf"\b{name}", queries)
    }

    # Seen in `fixtrail status`, or there for whoever looks for it.
    assert left_out <= {
        "fixtrail_stack_ready",
        "fixtrail_stack_child_up",
        "fixtrail_clickhouse_records",
        "fixtrail_pulse_failures",
        "fixtrail_push_records",
        "fixtrail_push_commits",
        "fixtrail_push_dead_letters",
        "fixtrail_pulse_dead_letter_records",
        "fixtrail_web_pages",
        "fixtrail_web_forms",
        "fixtrail_web_refused",
    }
