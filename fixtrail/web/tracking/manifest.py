"""The web manifest of a tracking page: what a phone needs to put it on the home screen."""

from typing import Any

from fixtrail.web.static import static_url
from fixtrail.web.tracking.words import catalogue


def manifest(token: str, locale: str) -> dict[str, Any]:
    """The manifest of one page. It holds the link, as every bookmark does, and nothing of the visit."""
    texts = catalogue()[locale]
    return {
        "id": f"/t/{token}",
        "name": texts["title"],
        "short_name": texts["title"],
        "lang": locale,
        "start_url": f"/t/{token}?lang={locale}",
        "scope": "/t/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [
            {"src": static_url("tracking", "icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": static_url("tracking", "icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        ],
    }
