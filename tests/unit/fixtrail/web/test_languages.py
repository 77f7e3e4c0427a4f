"""Which language a browser gets."""

import pytest

from fixtrail.web.languages import accepted_locale


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", None),
        ("fr", None),
        ("en", "en"),
        ("EN-gb", "en"),
        ("zh", "zh-CN"),
        ("zh-TW,en;q=0.9", "zh-CN"),
        ("de,en;q=0.8,zh;q=0.5", "en"),
        ("en;q=0.4, zh-Hans-CN;q=0.9", "zh-CN"),
        ("en;q=0, zh;q=0.1", "zh-CN"),
        ("en;q=x,zh", "zh-CN"),
        ("*", None),
        ("english", None),
        ("zho", None),
        (";;;,,,=" * 500, None),
    ],
)
def test_the_most_wanted_language_that_there_is(header: str, locale: str | None):
    assert accepted_locale(header) == locale
