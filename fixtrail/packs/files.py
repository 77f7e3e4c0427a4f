"""The files of a pack: pack.json, and its three texts in both languages."""

from pathlib import Path

import orjson

from fixtrail.packs.message import render_message
from fixtrail.packs.pages import render_sheet, render_whole
from fixtrail.packs.pdf import print_pdf
from fixtrail.packs.words import Pack
from schemas.locales import LOCALES, Locale

PACK = "pack.json"
RENDERERS = {"3": render_message, "15": render_sheet, "30": render_whole}
_SUFFIXES = {"3": "txt", "15": "html", "30": "html"}


def write_files(pack: Pack, folder: Path, pdf: bool = False) -> list[Path]:
    """Write everything into a folder; the files. The pack itself comes last: where it is, all is."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for locale in LOCALES:
        for form, render in RENDERERS.items():
            file = folder / _file_name(form, locale)
            file.write_text(render(pack, locale), encoding="utf-8")
            files.append(file)
            if pdf and form != "3":
                print_pdf(file, file.with_suffix(".pdf"))
                files.append(file.with_suffix(".pdf"))
    write_pack(pack, folder / PACK)
    return [*files, folder / PACK]


def texts_beside(pack: Pack, folder: Path) -> dict[str, tuple[str, str]]:
    """Of the texts that lie in a pack's folder, by file name: the text there is, and the one that the pack gives."""
    texts = {}
    for locale in LOCALES:
        for form, render in RENDERERS.items():
            file = folder / _file_name(form, locale)
            if file.is_file():
                texts[file.name] = (file.read_text(encoding="utf-8", errors="replace"), render(pack, locale))
    return texts


def _file_name(form: str, locale: Locale) -> str:
    return f"{form}-{locale}.{_SUFFIXES[form]}"


def write_pack(pack: Pack, file: Path) -> None:
    """Write a pack, whole or not at all; its reports in their order, so that a text made of the file is the same."""
    part = file.with_suffix(".part")
    part.write_bytes(orjson.dumps(pack, option=orjson.OPT_INDENT_2))
    part.replace(file)
