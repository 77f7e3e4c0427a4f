"""An OpenID Connect provider on a socket: discovery, authorization code with PKCE, tokens signed with RS256.

It checks what a provider must (client, redirect address, code verifier, codes used once), and lies on demand.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, SECRET = "fixtrail-board", "the-clients-own-secret-of-some-length"
Claims = dict[str, Any]


class IdentityProvider:
    """`async with IdentityProvider({...}) as provider`: signs in whoever comes as the person with these claims.

    `lie` changes the claims before they are signed; `key` and `algorithm` are what they are signed with. `forge` makes
    the token of them and the published key instead.
    """

    def __init__(self, person: Claims) -> None:
        self.person = person
        self.lie: Callable[[Claims], Claims] = dict
        self.key: RSAKey | OctKey = RSAKey.generate_key(2048, {"kid": "one"})
        self.own_key = self.key
        self.algorithm = "RS256"
        self.forge: Callable[[Claims, RSAKey], str] | None = None
        self.offered = ["RS256"]
        self.issuer = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens_given = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "IdentityProvider":
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._about)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _about(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": self.offered,
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self.own_key]).as_dict(private=False))

    async def _authorize(self, request: web.Request) -> web.Response:
        parameters = dict(request.query)
        assert parameters["client_id"] == CLIENT
        assert parameters["response_type"] == "code"
        assert parameters["code_challenge_method"] == "S256"
        assert "openid" in parameters["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = parameters
        raise web.HTTPFound(f"{parameters['redirect_uri']}?{urlencode({'code': code, 'state': parameters['state']})}")

    async def _token(self, request: web.Request) -> web.Response:
        login = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        form = await request.post()
        request_of_code = self.codes.pop(str(form["code"]), None)
        if (
            request_of_code is None
            or login != f"{CLIENT}:{SECRET}"
            or form["redirect_uri"] != request_of_code["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        proof = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != request_of_code["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "42",
            "iat": now,
            "exp": now + 60,
            "nonce": request_of_code["nonce"],
        }
        claims_sent = self.lie({**claims, **self.person})
        self.tokens_given += 1
        header = {"alg": self.algorithm, "kid": "one"}
        token = (
            self.forge(claims_sent, self.own_key)
            if self.forge
            else jwt.encode(header, claims_sent, self.key, algorithms=[self.algorithm])
        )
        return web.json_response({"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": token})
