"""Signing in by a company's provider: the real flow over a socket, and every answer that must not be believed."""

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from fixtrail.web.accounts.oidc import OidcConfig, OidcError, person_from
from fixtrail.web.accounts.users import person_of
from runtime.failure import ExitError
from tests.identity_provider import CLIENT, SECRET, IdentityProvider
from tests.staff import Browser, Staff, staff

WEI = {"preferred_username": "wei", "fixtrail_role": "manager"}


def board_with(provider: IdentityProvider, folder: Path, **settings: Any) -> Staff:
    about = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    return staff(folder, **{**about, **settings})


async def come_back(browser: Browser, then: str = "/ops") -> str:
    """Leave for the provider, sign in there, and the address that it sends the browser back to."""
    response = await browser.get(f"/login/oidc?next={then}")
    assert response.status_code == 302, response.text
    async with httpx.AsyncClient() as elsewhere:
        back: str = (await elsewhere.get(response.headers["location"])).headers["location"]
    return back


async def test_a_person_of_the_company_signs_in_and_out(tmp_path):
    async with IdentityProvider(WEI) as provider:
        board = board_with(provider, tmp_path)
        with board.browser() as browser:
            assert "/login/oidc?next=%2Fops" in (await browser.get("/login")).text
            landed = await browser.get(await come_back(browser, "/ops?lane=quick"))
            assert (landed.status_code, landed.headers["location"]) == (303, "/ops?lane=quick")
            page = await browser.get("/ops", headers={"accept-language": "en"})
            assert "wei (manager)" in page.text
            assert (await browser.send("/ops", "/logout")).status_code == 303
            assert (await browser.get("/ops")).status_code == 303


async def test_the_centers_claim_says_which_centers_are_seen(tmp_path):
    async with IdentityProvider({**WEI, "centers": ["C2"]}) as provider:
        board = board_with(provider, tmp_path, oidc_centers_claim="centers")
        with board.browser() as browser:
            await browser.get(await come_back(browser))
            page = await browser.get("/ops", headers={"accept-language": "en"})
            assert "Chaoyang" in page.text
            assert "Pudong" not in page.text


LIES = {
    "another audience": lambda claims: {**claims, "aud": "another-client"},
    "another issuer": lambda claims: {**claims, "iss": "https://evil.example"},
    "no nonce": lambda claims: {name: claims[name] for name in claims if name != "nonce"},
    "another nonce": lambda claims: {**claims, "nonce": "guessed"},
    "long expired": lambda claims: {**claims, "exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
    "for several, this one not the party": lambda claims: {**claims, "aud": [CLIENT, "other"], "azp": "other"},
    "for another party": lambda claims: {**claims, "azp": "other"},
    "issued tomorrow": lambda claims: {**claims, "iat": int(time.time()) + 86_400, "exp": int(time.time()) + 90_000},
    "not valid before tomorrow": lambda claims: {**claims, "nbf": int(time.time()) + 86_400},
    "without an end": lambda claims: {name: claims[name] for name in claims if name != "exp"},
    "an end that is a text": lambda claims: {**claims, "exp": "99999999999"},
    "a role within a list within a list": lambda claims: {**claims, "fixtrail_role": [["admin"]]},
    "a name that turns the direction": lambda claims: {**claims, "preferred_username": "a\u202eb"},
    "no role": lambda claims: {**claims, "fixtrail_role": "guest"},
    "nobody": lambda claims: {**claims, "preferred_username": ""},
    "no subject": lambda claims: {name: claims[name] for name in claims if name != "sub"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_a_token_that_says_anything_wrong_signs_nobody_in(tmp_path, lie):
    async with IdentityProvider(WEI) as provider:
        provider.lie = lie
        with board_with(provider, tmp_path).browser() as browser:
            await refused(browser, await come_back(browser))
            assert provider.tokens_given == 1


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSAKey.generate_key(2048, {"kid": "one"}), "RS256"), (OctKey.import_key(SECRET), "HS256")],
    ids=["another key", "the client's own secret"],
)
async def test_a_token_that_the_provider_has_not_signed_is_refused(tmp_path, key, algorithm):
    async with IdentityProvider(WEI) as provider:
        provider.key, provider.algorithm, provider.offered = key, algorithm, ["RS256", "HS256", "none"]
        with board_with(provider, tmp_path).browser() as browser:
            await refused(browser, await come_back(browser))


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    header = {"alg": algorithm, "kid": "one"}
    return f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"


def _by_the_public_key(claims: dict[str, Any], key: RSAKey) -> str:
    text = _unsigned(claims, "HS256")
    return f"{text}.{_part(hmac.digest(key.as_pem(private=False), text.encode(), 'sha256'))}"


def _with_its_own_key(claims: dict[str, Any], _: RSAKey) -> str:
    key = RSAKey.generate_key(2048, {"kid": "one"})
    return jwt.encode({"alg": "RS256", "kid": "one", "jwk": key.as_dict(private=False)}, claims, key)


FORGED = {
    "unsigned": lambda claims, _: f"{_unsigned(claims, 'none')}.",
    "unsigned, in another spelling": lambda claims, _: f"{_unsigned(claims, 'NonE')}.",
    "the signature left out": lambda claims, _: f"{_unsigned(claims, 'RS256')}.",
    "signed with the public key": _by_the_public_key,
    "with a key of its own in it": _with_its_own_key,
    "nothing": lambda *_: "a.b.c",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_signs_nobody_in(tmp_path, forge):
    async with IdentityProvider(WEI) as provider:
        provider.forge, provider.offered = forge, ["RS256", "HS256", "none"]
        with board_with(provider, tmp_path).browser() as browser:
            await refused(browser, await come_back(browser))
            assert provider.tokens_given == 1


async def test_a_key_that_the_provider_has_withdrawn_signs_nobody_in(tmp_path):
    async with IdentityProvider(WEI) as provider:
        with board_with(provider, tmp_path).browser() as browser:
            for name in ("one", "two", "two"):
                stolen, provider.own_key = provider.own_key, RSAKey.generate_key(2048, {"kid": name})
                provider.forge = lambda claims, key: jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
                assert (await browser.get(await come_back(browser))).status_code == 303
                browser.client.cookies.clear()
                provider.forge = lambda claims, _, key=stolen: jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
                await refused(browser, await come_back(browser))


async def test_only_the_browser_that_left_comes_back_and_only_once(tmp_path):
    async with IdentityProvider(WEI) as provider:
        board = board_with(provider, tmp_path)
        with board.browser() as browser, board.browser() as second:
            back = await come_back(browser)
            await refused(second, back)
            await refused(browser, back.replace("state=", "state=x"))
            back = await come_back(browser)
            assert (await browser.get(back)).status_code == 303
            browser.client.cookies.delete("fixtrail_session")
            await refused(browser, back)


async def test_a_provider_that_is_away_or_calls_itself_otherwise_is_told_plainly(tmp_path):
    async with IdentityProvider(WEI) as provider:
        issuer = provider.issuer
        board = board_with(provider, tmp_path)
        provider.issuer = "https://evil.example"
        with board.browser() as browser:
            assert (await browser.get("/login/oidc")).status_code == 401
    (tmp_path / "two").mkdir()
    with staff(tmp_path / "two", oidc_issuer=issuer, oidc_client_id=CLIENT).browser() as browser:
        assert (await browser.get("/login/oidc")).status_code == 401


async def refused(browser: Browser, back: str) -> None:
    answer = await browser.get(back)
    assert answer.status_code == 401
    assert not browser.client.cookies.get("fixtrail_session")
    assert (await browser.get("/ops")).status_code == 303


def test_a_provider_without_a_client_id_is_a_wrong_setting(tmp_path):
    with pytest.raises(ExitError, match="FIXTRAIL_OIDC_CLIENT_ID"):
        staff(tmp_path, oidc_issuer="https://id.example")


def config(**changed: Any) -> OidcConfig:
    return OidcConfig(issuer="https://id.example", client_id="x", client_secret="y", **changed)


def test_groups_of_the_company_become_roles_and_the_highest_counts():
    mapped = config(role_claim="realm.groups", roles={"workshop": "viewer", "leads": "manager"})
    claims = {"sub": "1", "preferred_username": "wei", "realm": {"groups": ["leads", "workshop", "admin"]}}
    assert person_from(mapped, claims) == person_of("wei", "manager", ["*"], ("https://id.example", "1"))
    with pytest.raises(OidcError, match="no role"):
        # Once values are mapped, nobody becomes an administrator by a group of that name.
        person_from(mapped, {**claims, "realm": {"groups": ["admin"]}})


def test_with_a_centers_claim_nobody_sees_more_than_it_names():
    scoped = config(centers_claim="centers")
    wei = {**WEI, "sub": "1"}
    assert person_from(scoped, {**wei, "centers": "C1"}).centers == {"C1"}
    assert person_from(scoped, wei).centers == frozenset()
    assert person_from(scoped, {**wei, "centers": {"C1": 1}}).centers == frozenset()


def test_whoever_may_choose_a_name_is_nobody_else():
    """A provider may let people choose their names; who somebody is, says the subject."""
    lin, wei = (person_from(config(), {**WEI, "preferred_username": "lin", "sub": sub}) for sub in ("1", "2"))
    assert lin.name == wei.name == "lin"
    assert len({lin.identity, wei.identity, "lin"}) == 3
    for claims in ({}, {"sub": ""}, {"sub": 7}, {"sub": "a\nb"}, {"sub": "x" * 300}):
        with pytest.raises(OidcError, match="sub"):
            person_from(config(), {**WEI, **claims})
