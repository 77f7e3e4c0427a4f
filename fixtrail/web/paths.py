"""Paths with any id in them: Starlette's own `:path` matches no line break, and so finds no route at all."""

from starlette.convertors import PathConvertor, register_url_convertor


class AnyPath(PathConvertor):
    """The rest of a path, whatever signs it has."""

    regex = r"[\s\S]*"


def match_any_path() -> None:
    """From now on `:path` of routes and mounts matches line breaks, too; they get answers of ours like all others."""
    register_url_convertor("path", AnyPath())
