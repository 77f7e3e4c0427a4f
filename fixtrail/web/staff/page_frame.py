"""The frame of the staff's pages: templates, texts in two languages, forms, and the person signed in."""

import tomllib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import HTTPException
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fixtrail.terminal.printable import exactly, shown_in_page
from fixtrail.web.forms import BodyTooLongError, small_body
from fixtrail.web.languages import accepted_locale
from fixtrail.web.static import static_url
from schemas.locales import LOCALES, Locale
from sinks.push.words import wording

LANGUAGE_COOKIE = "fixtrail_lang"
LONGEST_FORM = 16 * 1024
_HERE = Path(__file__).parent
YEAR_S = 365 * 86400


class BadFormError(ValueError):
    """The request's body is no form of ours."""


@dataclass(frozen=True, slots=True)
class StaffTexts:
    """The texts of one language by key."""

    locale: Locale
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        return self.texts[key].format(**values) if values else self.texts[key]

    def name(self, group: str, key: str) -> str:
        """What a milestone, an outcome … is called; as it is told where the catalogue does not know it."""
        return self.texts.get(f"{group}.{key}", key)


@cache
def words(locale: Locale) -> StaffTexts:
    """The catalogue words.toml in one language."""
    return StaffTexts(locale, catalogue()[locale])


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every text by language and key; the file lists both languages beside each other."""
    groups = tomllib.loads((_HERE / "words.toml").read_text(encoding="utf-8"))
    flat = dict(_flat("", groups))
    return {locale: {key: texts[index] for key, texts in flat.items()} for index, locale in enumerate(LOCALES)}


def _flat(prefix: str, entries: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Every text with its dotted key, from tables in tables."""
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def locale_of(request: Request) -> Locale:
    """`?lang=`, else what was chosen before, else what the browser prefers; Chinese where it prefers neither."""
    for choice in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if choice in LOCALES:
            return choice
    return accepted_locale(request.headers.get("accept-language", "")) or "zh-CN"


@cache
def environment() -> Environment:
    """The templates of the staff's pages."""
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        finalize=shown_in_page,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "minutes": minutes,
        "span": span,
        "clock": clock,
        "short_time": short_time,
        "local_time": lambda at, zone, form: f"{at.astimezone(ZoneInfo(zone)):{form}}",
        "money": money,
        # Also a slash: an id such as ../x is no path of its own.
        "urlencode": lambda text: quote(str(text), safe=""),
        "exactly": exactly,
        "signed": lambda value: f"{value:+.0f}",
    }
    templates.globals["asset"] = lambda file: static_url("ops", file)
    return templates


def minutes(seconds: float | None) -> str:
    """Seconds as minutes with one digit below ten: `7.5`, `42`; a dash for None."""
    if seconds is None:
        return "–"
    return f"{seconds / 60:.1f}" if seconds < 600 else f"{seconds / 60:.0f}"


def span(seconds: float | None) -> str:
    """A span as a clock shows it: `4:05`, `1:04:05`; from a day on `2d 04:05`."""
    if seconds is None:
        return "–"
    total = int(max(0.0, seconds))
    days, hours, minute, second = total // 86400, total // 3600, total % 3600 // 60, total % 60
    if days:
        return f"{days}d {hours % 24:02}:{minute:02}"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def clock(at_ms: int | None, zone: str, form: str = "%H:%M") -> str:
    """An instant in local time; a dash for None."""
    return "–" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)):{form}}"


def short_time(text: str | None, zone: str) -> str:
    """An RFC 3339 time in local time."""
    return "–" if text is None else f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%m-%d %H:%M:%S}"


def money(amount: Decimal | float, currency: str | None = None, locale: Locale = "en") -> str:
    """An amount as the locale writes it; a bare number where the currency is not known."""
    exact = Decimal(str(amount))
    return wording.money(exact, currency, locale) if currency else f"{exact:,.2f}"


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A whole page in the reader's language; the session's cookie is renewed with it where that is due."""
    locale = locale_of(request)
    text = environment().get_template(template).render(**common_values(request, locale), **values)
    return finish(request, HTMLResponse(text, status_code=status, headers={"Content-Language": locale}))


def common_values(request: Request, locale: Locale) -> dict[str, Any]:
    """The values of every template: texts `t`, the person signed in, the token of forms, and links to the languages."""
    state = request.state
    return {
        "t": words(locale),
        "locale": locale,
        "path": path_of(request),
        "me": getattr(state, "person", None),
        "form_token": getattr(state, "form_token", ""),
        "languages": [(language, with_query(request, lang=language)) for language in LOCALES],
        "alive": age_values(request.app.state.web),
    }


def age_values(web: Any) -> dict[str, Any]:
    """How old the data are, for the bar of every staff page: now, the zone of its clock, and the age of each source."""
    now = web.ops.clock()
    return {"now": now, "zone": web.ops.default_zone, "ages": web.freshness.ages(now)}


def finish(request: Request, response: Response) -> Response:
    """Put the cookies on an answer: the renewed session, and the language where the address names one."""
    if renewed := getattr(request.state, "renewed_cookie", None):
        response.headers.append("set-cookie", renewed)
    if (chosen := request.query_params.get("lang")) in LOCALES:
        response.set_cookie(LANGUAGE_COOKIE, str(chosen), max_age=YEAR_S, samesite="lax", httponly=True, path="/")
    return response


def with_query(request: Request, **changed: str | None) -> str:
    """The address of this page with some parameters changed; None takes one away."""
    unchanged = [(name, value) for name, value in request.query_params.multi_items() if name not in changed]
    query = urlencode([*unchanged, *((name, value) for name, value in changed.items() if value is not None)])
    return f"{path_of(request)}?{query}" if query else path_of(request)


def path_of(request: Request) -> str:
    """The path as it was asked for: an id in it may have any signs, which stand there encoded."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    # Of two slashes at its beginning a browser would make another host; a page of ours has one.
    return "/" + raw.decode("ascii", "replace").lstrip("/\\")


def go(request: Request, where: str) -> Response:
    """A redirect after a form, to a page of ours."""
    return finish(request, RedirectResponse(local_path(where), status_code=303))


def local_path(where: str | None) -> str:
    """The address where it is one of our own pages, else the board: nobody is sent elsewhere by a link."""
    if not where or not where.startswith("/") or where.startswith(("//", "/\\")) or len(where) > 2000:
        return "/ops"
    return where if where.isprintable() and "\\" not in where else "/ops"


async def small_form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises BadFormError for what is too long or no such form, HTTPException (408)."""
    if Headers(scope=request.scope).get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise BadFormError("not a form")
    try:
        body = await small_body(request, LONGEST_FORM, request.app.state.web.config.limits.form_s)
    except BodyTooLongError:
        raise BadFormError("too long") from None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=400))
    except ValueError:
        raise BadFormError("not a form") from None


class StaffRoute(APIRoute):
    """A page's route: what a handler refuses (400, 403, 404, the way to the sign-in page) becomes a page, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as refusal:
                if refusal.status_code == 303 and refusal.headers:
                    return finish(request, RedirectResponse(refusal.headers["Location"], status_code=303))
                if f"error.{refusal.status_code}" not in catalogue()["en"]:
                    raise
                refused = page(request, "error.html", status=refusal.status_code, told=refusal.status_code)
                refused.headers.update(refusal.headers or {})
                return refused

        return handled
