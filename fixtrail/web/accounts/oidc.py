"""Signing in by an OpenID Connect provider: authorization code flow with PKCE, state and nonce, by Authlib."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.users import ALL_CENTERS, ROLES, Person, Role, person_of

# Signatures by the provider's public keys; never `none`, nor one made with the client's own secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
TIMEOUT_S = 10.0


class OidcError(RuntimeError):
    """The provider did not authenticate anybody. The message is for the log and names no person."""


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """One provider.

    `roles` says which value of the role claim is which role; without it the claim names our roles. Without a
    `centers_claim` everybody sees all centers, with one nobody sees more than it names.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "openid profile"
    name_claim: str = "preferred_username"
    role_claim: str = "fixtrail_role"
    roles: Mapping[str, Role] = field(default_factory=dict)
    centers_claim: str | None = None


class Provider:
    """Signs in at one provider. Its addresses are read at the first use, its keys at each sign-in."""

    def __init__(self, config: OidcConfig) -> None:
        from authlib.integrations.starlette_client import OAuth

        self.config = config
        registry = OAuth()
        registry.register(
            "provider",
            client_id=config.client_id,
            client_secret=config.client_secret,
            server_metadata_url=f"{config.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": config.scope, "code_challenge_method": "S256", "timeout": TIMEOUT_S},
        )
        self._client: Any = registry.create_client("provider")

    async def redirect_to_provider(self, request: Request, back_to: str, flow_state: dict[str, Any]) -> Response:
        """A redirect to the provider; the state for the browser's return is put into `flow_state`.

        Raises OidcError where the provider cannot be reached.
        """
        request.scope["session"] = flow_state
        try:
            await self._load_metadata()
            answer: Response = await self._client.authorize_redirect(request, back_to)
        except Exception as error:
            raise OidcError(f"{type(error).__name__} while asking {self.config.issuer} where to sign in") from error
        return answer

    async def person_from_redirect(self, request: Request, flow_state: dict[str, Any]) -> Person:
        """The person whom the provider authenticated. Raises OidcError where there is none with a role here."""
        request.scope["session"] = flow_state
        accepted = {
            "iss": {"essential": True, "value": self.config.issuer},
            "aud": {"essential": True, "value": self.config.client_id},
        }
        try:
            await self._load_metadata()
            token = await self._client.authorize_access_token(request, claims_options=accepted)
        except Exception as error:
            # Authlib's and the provider's messages may hold what the address held; their kind says enough.
            kind = getattr(error, "error", None) or type(error).__name__
            raise OidcError(f"the provider's answer was refused: {kind}") from error
        claims = token.get("userinfo")
        if not claims:
            raise OidcError("the provider sent no id token")
        return person_from(self.config, claims)

    async def _load_metadata(self) -> None:
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self.config.issuer:
            raise OidcError("the provider calls itself by another name than FIXTRAIL_OIDC_ISSUER")
        # Authlib would keep the keys for as long as it runs, those that the provider has withdrawn among them.
        metadata.pop("jwks", None)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        # Authlib accepts whatever the provider lists.
        metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS] or [
            "RS256"
        ]


def person_from(config: OidcConfig, claims: Mapping[str, Any]) -> Person:
    """The person behind a verified token's claims. Raises OidcError for one who has no role here."""
    name, subject = claims.get(config.name_claim), claims.get("sub")
    # OpenID Connect Core 5.7: only issuer and `sub` together say who somebody is.
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise OidcError("the provider's claim sub names nobody")
    if not isinstance(name, str) or not name or len(name) > 128 or not name.isprintable():
        raise OidcError(f"the provider's claim {config.name_claim} names nobody")
    claimed = [
        config.roles.get(value, value if not config.roles else None) for value in _strings(claims, config.role_claim)
    ]
    roles = [role for role in ROLES if role in claimed]
    if not roles:
        raise OidcError(f"the provider's claim {config.role_claim} gives no role")
    if config.centers_claim is None:
        return person_of(name, roles[-1], [ALL_CENTERS], (config.issuer, subject))
    return person_of(name, roles[-1], _strings(claims, config.centers_claim), (config.issuer, subject))


def _strings(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim that is a string or a list of them; `a.b` looks for b within a."""
    value_of_claim: Any = claims
    for step in [name] if name in claims else name.split("."):
        value_of_claim = value_of_claim.get(step) if isinstance(value_of_claim, Mapping) else None
    values: Iterable[Any] = (
        [value_of_claim]
        if isinstance(value_of_claim, str)
        else value_of_claim
        if isinstance(value_of_claim, list)
        else []
    )
    return [value for value in values if isinstance(value, str)]
