"""The language of a page, as the browser asks for it."""

from babel.core import negotiate_locale

from schemas.locales import LOCALES, Locale

LONGEST_HEADER = 200
_BY_LANGUAGE: dict[str, Locale] = {locale.partition("-")[0]: locale for locale in LOCALES}


def accepted_locale(header: str) -> Locale | None:
    """The language of ours that an Accept-Language header (RFC 9110 12.5.4) prefers; None where it names none."""
    language = negotiate_locale(_by_preference(header), _BY_LANGUAGE, sep="-")
    return _BY_LANGUAGE.get(language.lower()) if language else None


def _by_preference(header: str) -> list[str]:
    """The language tags of the header, the most wanted first; those that are not wanted (q=0) left out."""
    tags: list[tuple[float, str]] = []
    for item in header[:LONGEST_HEADER].split(","):
        tag, _, quality = item.replace(" ", "").partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            tags.append((-weight, tag))
    return [tag for _, tag in sorted(tags, key=lambda entry: entry[0])]
