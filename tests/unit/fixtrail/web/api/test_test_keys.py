"""Test keys: all is checked and answered as usual, nothing is written, and every answer says so."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.customers.consents import Consent, change_consent
from fixtrail.web.api.keys import key_file
from tests.event_api import SURVEY, Api, problem_of

BAD = {**SURVEY, "event_id": "e2", "score": 11}
SCOPES = ["events:write", "consents:write", "orders:read"]


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


@pytest.fixture
def key(api: Api) -> str:
    return api.key(scopes=SCOPES, test=True)


@pytest.mark.parametrize("body", [SURVEY, BAD, [SURVEY, BAD], [BAD, BAD], b"{", b"[", []])
@pytest.mark.parametrize("prefer", ["", "handling=strict"])
async def test_it_is_answered_as_any_other_key_and_nothing_is_sent(api: Api, key: str, body: object, prefer: str):
    tested = await api.post(body, key=key, headers={"prefer": prefer})
    assert api.producer.sent == []
    usual = await api.post(body, headers={"prefer": prefer})

    assert tested.status_code == usual.status_code
    assert tested.json() == {**usual.json(), "test": True}
    assert tested.headers["fixtrail-test"] == "nothing-written"
    assert "fixtrail-test" not in usual.headers
    assert "test" not in usual.json()


async def test_it_needs_no_kafka(api: Api, key: str):
    api.producer.away = True

    assert (await api.post(SURVEY, key=key)).status_code == 202


async def test_what_the_key_does_not_allow_is_refused_all_the_same(api: Api):
    key = api.key(test=True, centers=["C2"], types=["survey"])

    refused = await api.post(SURVEY, key=key)
    assert (refused.status_code, refused.json()["items"][0]["code"]) == (403, "center_not_allowed")
    unread = await api.get("/orders/R1", key=key)
    assert problem_of(unread) == "scope-missing"
    assert (unread.json()["test"], unread.headers["fixtrail-test"]) == (True, "nothing-written")


async def test_a_quota_holds_for_it_too(api: Api):
    key = api.key(test=True, events_per_minute=2)

    assert [(await api.post(SURVEY, key=key)).status_code for _ in range(3)] == [202, 202, 429]


async def test_consents_are_answered_and_not_written_down(api: Api, key: str):
    grant = {"address": "wechat:openid", "grant_id": "tap", "add": {"T1": 2}, "milestones": ["ready"]}
    change_consent(api.settings, "wechat:openid", Consent(add={"T1": 1}))

    answer = await api.agree({**grant, "opted_out": True, "time_zone": "Asia/Urumqi"}, key=key)
    assert answer.json() == {
        **{"opted_out": True, "milestones": ["ready"], "time_zone": "Asia/Urumqi", "consents": {"T1": 3}},
        **{"repeated": False, "test": True},
    }
    current = change_consent(api.settings, "wechat:openid", Consent())
    assert (current["opted_out"], current["milestones"], current["consents"]) == (False, None, {"T1": 1})


async def test_its_log_says_that_it_was_a_test(api: Api, key: str):
    await api.post([SURVEY, BAD], key=key)

    (request,) = (await api.get("/requests", key=key)).json()["requests"]
    assert (request["test"], request["status"], request["accepted"]) == (True, 207, 1)


async def test_tests_count_in_no_metric_of_events(api: Api, key: str):
    await api.post(SURVEY, key=key)

    assert ("api_items", "accepted") not in api.progress.counts


def test_the_operator_makes_and_recognises_it(tmp_path: Path):
    words = ["--data", str(tmp_path)]
    outcome = CliRunner().invoke(app, ["api-keys", "add", "dms", "--test", *words])
    CliRunner().invoke(app, ["api-keys", "add", "dms", *words])

    assert "test key" in outcome.output
    listed = json.loads(CliRunner().invoke(app, ["api-keys", "list", "--json", *words]).stdout)
    assert [key["test"] for key in listed] == [True, False]
    test_key, usual = json.loads(key_file_text(tmp_path))["keys"]
    # A version before reads a file in which no key is a test key.
    assert (test_key["test"], "test" in usual) == (True, False)


def key_file_text(folder: Path) -> str:
    from fixtrail.all_settings import Settings

    return key_file(Settings(data=folder)).path.read_text()
