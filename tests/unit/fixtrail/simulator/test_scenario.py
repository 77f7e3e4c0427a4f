"""Scenarios: what is built in, what a file may say, and what is refused."""

import tomllib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest

from fixtrail.simulator.scenario import (
    CalibratedTo,
    Scenario,
    ScenarioError,
    ScenarioTable,
    built_in,
    load_scenario,
)
from fixtrail.simulator.truth import centers_toml, truth
from schemas.toml_file import TomlFileError
from tests.paths import ROOT

MONDAY = datetime(2026, 7, 6, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize("name", ["default", *built_in(), *map(str, (ROOT / "examples/scenarios").glob("*.toml"))])
def test_shipped_scenarios_load(name: str) -> None:
    assert load_scenario(name).center


def test_the_default_is_the_owners_story() -> None:
    scenario = load_scenario("default")
    regions = {center.region for center in scenario.center}

    assert scenario == load_scenario("owners-story")
    assert regions == {"East", "South", "North", "West"}
    assert [sum(center.wave == wave for center in scenario.center) for wave in (0, 1, 2, 3, 4)] == [0, 3, 5, 4, 3]
    assert scenario.origins == {"maintenance": 0.80, "misuse": 0.15, "product": 0.05}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[score]\nwait_per_10_mins = 0.2", "score.wait_per_10_mins: unknown key (did you mean wait_per_10_min?)"),
        ("speling = 1", "speling: unknown key"),
        ("[improved]\nrecepton_min = 3", "improved.recepton_min: unknown key (did you mean reception_min?)"),
        ("[work]\nquick_share = 1.5", "work.quick_share: Input should be less than or equal to 1"),
        ('[[center]]\nid="a"\nname="A"\nname_en="A"\nregion="East"\ncolour="red"', "center 1.colour: unknown key"),
        ('[[center]]\nid="a"\nname="A"\nname_en="A"\nregion="East"\ntime_zone="Asia/Nowhere"', "no time zone"),
        ('[[center]]\nid="a"\nname="A"\nname_en="A"\nregion="East"\nwave=9', "there is no [[wave]] with number 9"),
        ("[[wave]]\nnumber = 1", "wave 1: a wave needs either from_day or from_date"),
        ("score = 3", "score: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "owners-story"\n{text}\n', "utf-8")

    with pytest.raises(TomlFileError) as refused:
        load_scenario(path)

    assert message in str(refused.value)


def test_a_file_that_is_not_there_or_not_toml_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("days = = 3", "utf-8")
    circle = tmp_path / "circle.toml"
    circle.write_text('base = "circle.toml"', "utf-8")

    with pytest.raises(ScenarioError, match="no built-in scenario"):
        load_scenario(tmp_path / "absent.toml")
    with pytest.raises(TomlFileError, match="not TOML"):
        load_scenario(broken)
    with pytest.raises(ScenarioError, match="circle"):
        load_scenario(circle)


def test_a_base_is_changed_key_by_key_and_lists_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'base = "default"\ndays = 3\n[baseline]\ncourier_min = 99\n[[wave]]\nnumber = 1\nfrom_day = 1\n'
        '[[center]]\nid = "one"\nname = "一"\nname_en = "One"\nregion = "East"\n',
        "utf-8",
    )
    (tmp_path / "yours.toml").write_text('base = "mine.toml"\nname = "yours"\n', "utf-8")
    scenario, default = load_scenario(tmp_path / "yours.toml"), load_scenario("default")

    assert (scenario.name, scenario.days, [center.id for center in scenario.center]) == ("yours", 3, ["one"])
    assert scenario.baseline == default.baseline.model_copy(update={"courier_min": 99.0})
    assert scenario.improved.courier_min == default.improved.courier_min


def test_the_reference_data_of_the_centers_fit_the_owners_story() -> None:
    shipped = tomllib.loads((ROOT / "examples/centers.toml").read_text("utf-8"))
    expected = tomllib.loads(centers_toml(load_scenario("owners-story"), None, MONDAY))

    assert shipped == expected
    assert [center["id"] for center in shipped["center"]] == [c.id for c in load_scenario("owners-story").center]


def test_the_truth_names_what_was_planted() -> None:
    scenario = load_scenario("owners-story")
    planted = truth(scenario, 1, 126, None, MONDAY)

    assert planted["score"]["log_odds"]["wait_per_10_min"] == scenario.score.wait_per_10_min
    assert planted["centers"][0]["wave_start"] == "2026-08-17"
    assert sum(group["share"] for group in planted["fault_groups"].values()) == pytest.approx(1)
    for center in planted["centers"]:
        factors = center["technician_rework_times"].values()
        assert sum(factors) / len(factors) == pytest.approx(1)


def test_without_effect_the_truth_says_so() -> None:
    planted = truth(load_scenario(ROOT / "examples/scenarios/no-effect.toml"), 1, 126, None, MONDAY)

    assert {center["wave_start"] for center in planted["centers"]} == {None}


def test_every_key_of_a_scenario_is_explained() -> None:
    page = (ROOT / "docs/simulator.md").read_text("utf-8")
    missing = [key for key in _keys(Scenario) if f"`{key}`" not in page]

    assert not missing


def _keys(model: type[ScenarioTable]) -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(name)
        annotations = [field.annotation, *get_args(field.annotation)]
        inner = [
            a for a in annotations if isinstance(a, type) and issubclass(a, ScenarioTable) and a is not CalibratedTo
        ]
        keys += [key for table in inner for key in _keys(table)]
    return keys
