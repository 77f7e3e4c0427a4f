"""What customers agree to, as a mini program's backend tells it: counted once, kept without the address."""

from pathlib import Path
from typing import Any

import pytest

from fixtrail.customers import consents
from tests.event_api import Api, problem_of

ADDRESS = "wechat:canary-openid"
GRANT = {"address": ADDRESS, "grant_id": "tap-1", "add": {"T1": 1, "T2": 2}}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path, hash_key="a key for these tests, long enough")


@pytest.fixture
def key(api: Api) -> str:
    return api.key(scopes=["consents:write"])


async def test_what_a_customer_agreed_to_counts_once_however_often_it_is_told(api: Api, key: str):
    first = await api.agree(GRANT, key=key)
    again = await api.agree(GRANT, key=key)
    later = await api.agree({**GRANT, "grant_id": "tap-2", "add": {"T1": 1}}, key=key)

    assert [answer.status_code for answer in (first, again, later)] == [200, 200, 200]
    assert [answer.json()["consents"] for answer in (first, again, later)] == [
        {"T1": 1, "T2": 2},
        {"T1": 1, "T2": 2},
        {"T1": 2, "T2": 2},
    ]
    assert [answer.json()["repeated"] for answer in (first, again, later)] == [False, True, False]
    assert first.headers["cache-control"] == "no-store"


async def test_another_source_has_grant_ids_of_its_own(api: Api, key: str):
    await api.agree(GRANT, key=key)
    second = consents.change_consent(api.settings, ADDRESS, consents.Consent(add={"T1": 1}, grant="crm tap-1"))

    assert (second["consents"]["T1"], second["repeated"]) == (2, False)


async def test_an_address_alone_asks_and_changes_nothing(api: Api, key: str):
    await api.agree(
        {"address": ADDRESS, "opted_out": True, "milestones": ["ready"], "time_zone": "Asia/Urumqi"}, key=key
    )
    preference = {
        "opted_out": True,
        "milestones": ["ready"],
        "time_zone": "Asia/Urumqi",
        "consents": {},
        "repeated": False,
    }

    assert (await api.agree({"address": ADDRESS}, key=key)).json() == preference
    answer = await api.agree({"address": ADDRESS, "opted_out": False, "milestones": "all"}, key=key)
    assert answer.json() == preference | {"opted_out": False, "milestones": None}


async def test_the_address_is_kept_nowhere(api: Api, key: str):
    await api.agree(GRANT, key=key)

    files = [path for path in api.settings.data.rglob("*") if path.is_file()]
    assert any(b"tap-1" in path.read_bytes() for path in files)
    assert not [path for path in files if b"canary-openid" in path.read_bytes()]


@pytest.mark.parametrize(
    ("change", "error_text"),
    [
        ({}, "address: Field required"),
        ({"address": "canary"}, "address: Value error, is not SCHEME:ADDRESS"),
        ({"address": ADDRESS, "add": {"T1": 1}}, "body: Value error, `add` needs a `grant_id`"),
        ({**GRANT, "add": {"canary": 0}}, "add: Input should be greater than or equal to 1"),
        ({**GRANT, "add": {"T1": "1"}}, "add: Input should be a valid integer"),
        ({"address": ADDRESS, "milestones": ["canary"]}, "milestones: Value error, is none of checked_in"),
        ({"address": ADDRESS, "milestones": []}, "milestones: List should have at least 1 item"),
        ({"address": ADDRESS, "time_zone": "Asia"}, "time_zone: Value error, is no time zone"),
        ({"address": ADDRESS, "time_zone": "canary/../x"}, "time_zone: Value error, is no time zone"),
        ({"address": ADDRESS, "canary": True}, "unknown field: Extra inputs are not permitted"),
        ([], "body: Input should be an object"),
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(api: Api, key: str, change: Any, error_text: str):
    refused = await api.agree(change, key=key)

    assert (refused.status_code, problem_of(refused)) == (422, "invalid-request")
    assert error_text in refused.json()["detail"]
    assert "canary" not in refused.text


async def test_a_key_needs_the_scope(api: Api):
    assert problem_of(await api.agree(GRANT, key=api.text)) == "scope-missing"
    assert problem_of(await api.agree(GRANT, key="wrong")) == "unauthenticated"


async def test_a_key_of_one_center_neither_learns_nor_changes_what_holds_for_all(api: Api, key: str):
    await api.agree(GRANT, key=key)
    limited = api.key(scopes=["consents:write"], centers=["east-01"])

    for change in ({"address": ADDRESS}, {"address": ADDRESS, "opted_out": True}, {"address": "wechat:unknown"}):
        refused = await api.agree(change, key=limited)
        assert (refused.status_code, problem_of(refused)) == (403, "not-allowed")
    assert (await api.agree({"address": ADDRESS}, key=key)).json()["opted_out"] is False


async def test_a_body_that_is_too_long_or_none_is_refused(api: Api, key: str):
    assert problem_of(await api.agree({"address": "sms:" + "1" * 20_000}, key=key)) == "too-large"
    headers = {"authorization": f"Bearer {key}", "content-type": "text/plain"}
    assert problem_of(await api._ask("POST", "/consents", content=b"{}", headers=headers)) == "unsupported-media-type"


async def test_a_ledger_that_is_away_is_asked_again_later(tmp_path: Path):
    away = "postgresql://nobody@127.0.0.1:1/ledger?connect_timeout=1"
    api = Api(tmp_path, hash_key="a key for these tests, long enough", ledger=away)

    refused = await api.agree(GRANT, key=api.key(scopes=["consents:write"]))

    assert (refused.status_code, problem_of(refused)) == (503, "ledger-away")
    assert refused.headers["retry-after"] == "5"


async def test_it_counts_in_the_keys_quota(api: Api):
    key = api.key(scopes=["consents:write"], events_per_minute=1)

    assert (await api.agree({"address": ADDRESS}, key=key)).status_code == 200
    assert problem_of(await api.agree({"address": ADDRESS}, key=key)) == "rate-limited"
