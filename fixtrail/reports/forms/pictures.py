"""Pictures as SVG for pages and files, and as PNG. Without pyplot and one at a time, so any thread may ask for one."""

import io
import logging
import re
import threading
import warnings
from functools import cache
from xml.sax.saxutils import quoteattr

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from fixtrail.reports.report import Chart, Locale, Report
from fixtrail.terminal.printable import xml_text

# Okabe and Ito's colours, which people see apart who see few (Color Universal Design, 2008); black comes last.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#f0e442", "#333333")
GOOD, BAD, UNSURE, MUTED, INK = "#007a59", "#b84300", "#8a6d00", "#9aa3ad", "#1f2933"
FONTS = "system-ui, 'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
_CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Microsoft YaHei", "SimHei"),
)
_STYLE = re.compile(r' style="([^"]*)"')
_ID = re.compile(r'(id="|url\(#|href="#)')

# Text stays text: it can be read aloud and found, and the browser has the fonts for it.
matplotlib.rcParams["svg.fonttype"] = "none"
# A name with two dollar signs is no formula, and a wrong one would be an error.
matplotlib.rcParams["text.parse_math"] = False
# The same figures, the same bytes.
matplotlib.rcParams["svg.hashsalt"] = "fixtrail"
# Fonts are shared by all pictures of a process, and not made for threads.
_drawing = threading.Lock()
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
# In an SVG letters are text and whoever reads it has the font; a PNG is drawn in English then.
warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")


def picture(width: float = 8.0, height: float = 4.5) -> tuple[Picture, Axes]:
    """An empty picture, in inches, and its axes without a frame on top and right."""
    drawing = Picture(figsize=(width, height), layout="constrained")
    axes = drawing.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    return drawing, axes


def as_svg(chart: Chart, locale: Locale = "zh-CN", *, titled: bool = False) -> str:
    """The chart as one `<svg>` element without inline styles, so that a page with a strict CSP can hold it.

    `titled`: with its title in it, for a file of its own.
    """
    out = io.StringIO()
    with _drawing:
        _set_fonts()
        drawing = chart.draw(locale)
        if titled:
            drawing.suptitle(chart.title.in_locale(locale))
        drawing.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = xml_text(out.getvalue())
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = _STYLE.sub(lambda match: _attributes(match[1]), text)
    # Several pictures stand on one page: their ids must differ.
    text = _ID.sub(lambda match: f"{match[1]}{chart.name}-", text)
    label = quoteattr(xml_text(chart.title.in_locale(locale)))
    return text.replace("<svg", f'<svg role="img" aria-label={label} stroke-linejoin="round" stroke-linecap="butt"', 1)


def as_png(chart: Chart, locale: Locale = "zh-CN") -> bytes:
    """The chart as PNG; in English where this machine has no font with Chinese letters."""
    out = io.BytesIO()
    with _drawing:
        usable_locale: Locale = locale if len(_set_fonts()) > 1 else "en"
        drawing = chart.draw(usable_locale)
        drawing.suptitle(chart.title.in_locale(usable_locale))
        drawing.savefig(out, format="png", dpi=160, metadata={"Software": None})
    return out.getvalue()


def charts(report: Report, locale: Locale = "zh-CN") -> dict[str, str]:
    """All charts of a report by name, as SVG."""
    return {chart.name: as_svg(chart, locale) for chart in report.charts}


@cache
def _set_fonts() -> list[str]:
    """Have matplotlib use the fonts that this machine has, those with Chinese letters too; their names."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in _CHINESE if name in installed)]
    matplotlib.rcParams["font.family"] = families
    return families


def _attributes(style: str) -> str:
    """CSS declarations as the attributes that mean the same in SVG."""
    pairs = [part.partition(":")[::2] for part in style.split(";") if ":" in part]
    return "".join(_attribute(name.strip(), value.strip()) for name, value in pairs)


def _attribute(name: str, value: str) -> str:
    if name == "font":
        size = re.search(r"([\d.]+)px", value)
        weight = ' font-weight="bold"' if re.search(r"\b(bold|700)\b", value) else ""
        slanted = ' font-style="italic"' if "italic" in value else ""
        return f" font-size={quoteattr(size[1] if size else '10')} font-family={quoteattr(FONTS)}{weight}{slanted}"
    return f" {name}={quoteattr(value)}"
