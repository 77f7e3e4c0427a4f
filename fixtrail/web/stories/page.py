"""A story as one page for a meeting: HTML that needs nothing beside it and runs nothing."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from fixtrail.reports.forms.page_head import FILE_HEAD
from fixtrail.reports.forms.words import format_value
from fixtrail.reports.report import Bilingual, Locale
from fixtrail.terminal.printable import shown_in_page
from fixtrail.web.staff.page_frame import words
from fixtrail.web.stories.story import Story

FOLDER = Path(__file__).parent
WORDS = {
    "title": Bilingual("一张工单的故事", "The story of one order"),
    "anonymous": Bilingual(
        "匿名：没有单号、车牌、姓名、人员或中心；时间为到店后的第几天和当地时刻",
        "Anonymous: no number, plate, name, person or center; times are days of the visit and the local clock",
    ),
    "ends": Bilingual("此链接有效至", "This link ends at"),
    "steps": Bilingual("发生了什么", "What happened"),
    "told": Bilingual("告诉了客户什么", "What the customer was told"),
    "nobody_knows": Bilingual("无法读取通知账本", "the ledger of notices cannot be read"),
    "nothing": Bilingual("没有", "nothing"),
    "clocks": Bilingual("等待时走的是谁的时间", "Whose clock ran while waiting"),
    "stretches": Bilingual("时间花在哪里", "Where the time went"),
    "day": Bilingual("第 {} 天", "day {}"),
    "due": Bilingual("预计", "for"),
    "running": Bilingual("进行中", "still running"),
    "score": Bilingual("评分", "score"),
    "approved": Bilingual("同意", "approved"),
    "declined": Bilingual("拒绝", "declined"),
    "other": Bilingual("其他", "other"),
    "groups": Bilingual("故障类别", "Fault groups"),
    "lead": Bilingual("到店至交车", "Check-in to handoff"),
    "wait": Bilingual("等待", "Waiting"),
    "touch": Bilingual("作业", "Work"),
    "promise": Bilingual("承诺时间", "Promise"),
    "kept": Bilingual("兑现", "kept"),
    "broken": Bilingual("未兑现", "broken"),
    "ftf": Bilingual("一次修复", "Fixed first time"),
    "yes": Bilingual("是", "yes"),
    "no": Bilingual("否", "no"),
    "complaints": Bilingual("投诉", "Complaints"),
    "workshop_s": Bilingual("维修站（接待、工位）", "workshop (reception, bay)"),
    "customer_s": Bilingual("客户（确认报价）", "customer (approval)"),
    "supplier_s": Bilingual("供应商（配件）", "supplier (parts)"),
    "closed_s": Bilingual("打烊时间", "center closed"),
    "no_hours": Bilingual("没有营业时间资料：全部算作营业时间", "no opening hours known: all of it counts as open"),
}


def render_story(story: Story, locale: Locale, ends: str | None = None) -> str:
    """The page; `ends` says until when its link opens it."""
    texts = words(locale)
    return _template().render(
        story=story,
        locale=locale,
        ends=ends,
        head=Markup(FILE_HEAD),
        style=Markup(style()),
        t={name: text.in_locale(locale) for name, text in WORDS.items()},
        name=texts.name,
        minutes=lambda seconds: format_value(seconds, "minutes", locale),
        total=sum(story.clocks.values()),
        without_hours=not story.has_hours,
    )


def style() -> str:
    """The page's style sheet, which stands in it."""
    return (FOLDER / "story.css").read_text(encoding="utf-8")


@cache
def content_security_policy() -> str:
    """Allows the page its own style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, finalize=shown_in_page
    )
    return environment.get_template("story.html.j2")
