"""Tokens for SASL OAUTHBEARER, by OAuth 2.0 client credentials (RFC 6749, 4.4)."""

import asyncio
import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

ANSWER_LIMIT_S = 10.0
# Of a token's life, so that a connection that takes long to make does not show one that has ended meanwhile.
USED_SHARE = 0.8
# RFC 6749 only recommends that the endpoint says how long a token lasts.
USUAL_LIFE_S = 300.0
READ_AT_MOST = 256 * 1024


@dataclass(slots=True)
class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """One token at a time, renewed before it ends; for clients on any event loop, as it waits in threads."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    ca: str | None = None
    _token: str = field(default="", repr=False, init=False)
    _good_until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, init=False)

    async def token(self) -> str:
        """A token that is good for now.

        Raises SaslAuthenticationFailed where the endpoint refuses the client, KafkaConnectionError where it is away.
        """
        return await asyncio.to_thread(self._current)

    def _current(self) -> str:
        with self._lock:
            if time.monotonic() >= self._good_until:
                answer = self._ask()
                token = answer.get("access_token")
                if not isinstance(token, str) or not token:
                    raise SaslAuthenticationFailed("the token endpoint gave no access token")
                life_s = answer.get("expires_in", USUAL_LIFE_S)
                self._token = token
                self._good_until = time.monotonic() + USED_SHARE * float(life_s)
            return self._token

    def _ask(self) -> dict[str, Any]:
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        request = urllib.request.Request(
            self.url,
            urllib.parse.urlencode(form).encode(),
            {"Authorization": self._login(), "Accept": "application/json"},
        )
        context = ssl.create_default_context(cafile=self.ca) if self.url.startswith("https:") else None
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S, context=context) as answer:
                content = json.loads(answer.read(READ_AT_MOST))
        except urllib.error.HTTPError as error:
            refused = SaslAuthenticationFailed if error.code < 500 and error.code != 429 else KafkaConnectionError
            raise refused(f"the token endpoint answers HTTP {error.code}") from None
        except (OSError, ValueError) as error:
            raise KafkaConnectionError(f"the token endpoint cannot be used: {type(error).__name__}") from None
        return content if isinstance(content, dict) else {}

    def _login(self) -> str:
        # RFC 6749, 2.3.1: both parts are form-encoded first.
        pair = ":".join(urllib.parse.quote_plus(part) for part in (self.client_id, self.client_secret))
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
