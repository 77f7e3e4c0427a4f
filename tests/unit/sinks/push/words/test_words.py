"""What customers read: every milestone in every language, within all limits, whatever upstream sends."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.centers import Center
from schemas.locales import LOCALES
from sinks.push.channels.wechat import fit
from sinks.push.words import wording
from sinks.push.words.compose import Composer
from sinks.push.words.words import TEMPLATES, MissingTemplateError, TemplateRenderer
from streams.journey import notices
from tests.providers.hostile import HOSTILE, elements, starts_something
from tests.providers.messages import CENTER, HOUR, QUOTE, a_composer, a_notice, a_send, now_ms

BLOCKS = ("title", "short", "text", "status", "note")
MILESTONES = (*notices.MILESTONES, "running_late", "no_news")
LINK = "https://service.example-dealer-group.com.cn/t/" + "A" * 43
FACT = {"vehicle_id": "V1"}

# The longest of everything that the schema lets through.
WORST_QUOTE = {
    "total": "999999999999.99",
    "labour_hours": "9999.999",
    "labour_rate": "999999999999.99",
    "currency": "CNY",
    "parts": [{"part_no": "配件" * 64, "quantity": "999999999", "unit_price": "999999999999.99"}] * 500,
}
WORST_CENTER = Center(id="C1", name="超" * 200, name_en="Very Long Name " * 20, region="East")


def worst(milestone: str, locale: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"order_id": "W" * 64, "locale": locale, "at": 1_798_700_000_000}
    fields["part_no"] = "Ⅷ" * 128
    fields["promised_at"] = fields["expected_at"] = fields["at"] + 24 * HOUR
    if milestone == "quote_ready":
        fields["quote"] = WORST_QUOTE
    if milestone == "handed_off":
        fields["final_amount"] = "999999999999.99"
    return a_notice(milestone, **fields)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_digest_of_the_longest_values_keeps_to_the_limits_too(locale: str):
    composer = Composer(
        TemplateRenderer(), {"C1": WORST_CENTER}, "Asia/Shanghai", link=lambda order, vehicle_id, at: LINK
    )
    message = composer.message([a_send(worst(milestone, locale)) for milestone in MILESTONES], FACT, "fields")
    words = message.words

    assert 0 < len(words.title) <= wording.TITLE
    assert len(words.short.encode("utf-16-le")) // 2 <= wording.SHORT
    assert words.short.endswith(LINK)
    assert re.fullmatch(r"[\u4e00-\u9fff]{1,5}", message.fields["status"])
    assert 0 < len(message.fields["note"]) <= 20
    assert len(words.text) < 20_000
    assert words.html.count(f'href="{LINK}"') == 1


@pytest.mark.parametrize("locale", LOCALES)
def test_what_a_customer_is_asked_for_stands_on_the_button(locale: str):
    pages = {name: words_of(a_notice(name, locale=locale)).html for name in ("quote_ready", "handed_off", "ready")}
    questions = {
        "quote_ready": ("同意或谢绝", "Approve or decline"),
        "handed_off": ("告诉我们", "Tell us"),
        "ready": ("查看", "See"),
    }

    for milestone, page in pages.items():
        assert questions[milestone][locale == "en"] in page.partition(f'href="{LINK}"')[2]


def test_a_link_of_any_length_is_whole_and_leaves_room_for_words():
    link = "https://track.example.com/t/" + "A" * 380

    short = words_of(a_notice("ready", locale="en"), a_composer(link)).short

    assert short.endswith(f" {link}")
    assert short.startswith("Your car (order R1) is ready for you at Shanghai Pudong.")


def words_of(notice: dict[str, Any], composer: Composer | None = None):
    return (composer or a_composer(LINK)).words(notice, FACT)


every_text = pytest.mark.parametrize(
    ("milestone", "locale"), [(milestone, locale) for milestone in MILESTONES for locale in LOCALES]
)


def test_every_milestone_has_words_in_every_language():
    for locale in LOCALES:
        assert {path.stem for path in (TEMPLATES / locale).glob("*.txt")} == {*MILESTONES, "digest"}


@every_text
def test_the_longest_values_keep_to_the_limits_of_every_channel(milestone: str, locale: str):
    composer = Composer(
        TemplateRenderer(), {"C1": WORST_CENTER}, "Asia/Shanghai", link=lambda order, vehicle_id, at: LINK
    )
    notice = worst(milestone, locale)
    send = a_send(notice)
    words = words_of(notice, composer)
    fields = composer.message([send], FACT, "fields").fields

    assert 0 < len(words.title) <= wording.TITLE
    assert len(words.short.encode("utf-16-le")) // 2 <= wording.SHORT
    assert words.short.endswith(LINK), "a link that is cut leads nowhere"
    assert len(json.dumps({"title": words.title, "body": words.short}).encode()) < 3000  # of Web Push's 4096
    assert re.fullmatch(r"[\u4e00-\u9fff]{1,5}", words.status)
    assert 0 < len(words.note) <= 20
    assert fit("thing1", fields["note"]) == fields["note"]
    assert fit("phrase2", fields["status"]) == fields["status"]
    assert 1 <= len(fit("character_string3", fields["order"])) <= 32
    assert len(words.text) < 20_000
    assert len(words.html.encode()) < 100_000


@every_text
def test_nothing_known_leaves_no_hole_in_a_sentence(milestone: str, locale: str):
    nothing = dict.fromkeys(("promised_at", "expected_at", "part_no", "final_amount"))
    words = words_of(a_notice(milestone, locale=locale, center_id="C-unknown", **nothing), a_composer(""))

    for text in (words.title, words.short, words.text, words.note):
        assert not re.search(r"None|  \S|\{|\(\)|（）|，。|：。| [.,;。，]|\bundefined\b", text.replace("\n", " ¶")), (
            text
        )
    assert not re.search(r"\n\n\n", words.text)


@every_text
def test_every_form_can_be_read(milestone: str, locale: str):
    words = words_of(a_notice(milestone, locale=locale))
    chinese = re.compile(r"[\u4e00-\u9fff]")

    for text in (words.title, words.short, words.text, words.note):
        assert text.strip()
        assert bool(chinese.search(text)) == (locale == "zh-CN"), text


def test_a_failed_check_is_told_as_care_and_not_as_a_defect():
    for locale in LOCALES:
        words = words_of(a_notice("extra_check", locale=locale))
        message = words.title + words.short + words.text
        assert not re.search(r"fail|defect|fault|wrong|不合格|失败|故障|缺陷|返工", message, re.IGNORECASE)
    assert "额外检查" in words_of(a_notice("extra_check", locale="zh-CN")).short
    assert "extra check" in words_of(a_notice("extra_check", locale="en")).short


@pytest.mark.parametrize("milestone", ["no_news", "running_late"])
def test_what_the_clock_tells_claims_nothing_that_no_event_proves(milestone: str):
    at = 1_772_442_000_000
    for locale in LOCALES:
        words = words_of(a_notice(milestone, at=at, promised_at=at - HOUR, locale=locale))
        message = words.title + words.short + words.text
        assert not re.search("we are on it|working on|跟进|抓紧|正在", message, re.IGNORECASE)
        # Since when there is no news; and which promise was broken.
        assert all(("17:00" if milestone == "no_news" else "16:00") in text for text in (words.short, words.text))


def test_a_quote_shows_how_its_total_comes_about():
    text = words_of(a_notice("quote_ready", locale="en")).text

    assert "Labour: 1.5 hours × CN¥380.00 = CN¥570.00" in text
    assert "Part P-1: 2 × CN¥99.95 = CN¥199.90" in text
    assert "Total: CN¥769.90" in text
    assert Decimal("570.00") + Decimal("199.90") == Decimal(QUOTE["total"])


def test_times_are_those_of_the_center():
    new_york = CENTER.model_copy(update={"time_zone": "America/New_York"})
    promised_at = 1_772_442_000_000  # 09:00 UTC
    notice = a_notice("checked_in", locale="en", at=promised_at - HOUR, promised_at=promised_at)

    assert "Mon 2 Mar, 17:00" in words_of(notice).short
    assert "Mon 2 Mar, 04:00" in words_of(notice, Composer(TemplateRenderer(), {"C1": new_york}, "Asia/Shanghai")).short


TIMED = ("checked_in", "promise_changed", "repair_started", "part_ordered", "part_delayed", "part_arrived", "no_news")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("milestone", TIMED)
def test_a_time_that_has_passed_is_not_told_as_one_to_come(milestone: str, locale: str):
    """The workshop runs late, or promised something that was over when it said so."""
    at = 1_772_442_000_000  # 17:00 in Shanghai
    passed = {"promised_at": at - HOUR, "expected_at": at - HOUR, "at": at, "locale": locale}
    words = words_of(a_notice(milestone, **passed))

    assert not re.search("16:00", words.short + words.text)
    ahead = {**passed, "promised_at": at + HOUR, "expected_at": at + HOUR}
    assert "18:00" in words_of(a_notice(milestone, **ahead)).text


def test_a_promise_that_was_broken_is_named():
    at = 1_772_442_000_000

    assert "16:00" in words_of(a_notice("running_late", at=at, promised_at=at - HOUR)).short


def test_what_was_put_off_tells_no_time_that_has_passed_meanwhile():
    at = 1_772_442_000_000
    notice = a_notice("repair_started", at=at, promised_at=at + HOUR)
    at_once, in_the_morning = (
        a_composer(LINK).message([a_send(notice, due_at=due)], FACT, "short").words.short for due in (at, at + 9 * HOUR)
    )

    assert "Expected ready: Mon 2 Mar, 18:00" in at_once
    assert "18:00" not in in_the_morning


@pytest.mark.parametrize(("locale", "sorry", "good"), [("en", "sorry", "sooner"), ("zh-CN", "谅解", "早")])
def test_nobody_is_sorry_for_a_car_that_is_ready_sooner(locale: str, sorry: str, good: str):
    at = 1_772_442_000_000
    for before, is_sooner in ((at + 5 * HOUR, True), (at + HOUR, False)):
        fact = {"promises": [[at - HOUR, before], [at, at + 3 * HOUR]]}
        notice = a_notice("promise_changed", at=at, promised_at=at + 3 * HOUR, locale=locale)
        words = a_composer(LINK).words(notice, fact)

        for text in (words.short, words.text):
            assert (good in text, sorry in text) == (is_sooner, not is_sooner)


@pytest.mark.parametrize(
    ("currency", "amount"), [("CNY", "¥769.90"), ("eur", "€769.90"), ("USD", "$769.90"), ("HKD", ""), ("rubbish", "")]
)
def test_a_form_shows_an_amount_with_the_sign_of_its_currency_or_not_at_all(currency: str, amount: str):
    quote = {**QUOTE, "currency": currency}
    quoted = a_composer().message([a_send(a_notice("quote_ready", quote=quote))], None, "fields")
    paid = a_composer().message([a_send(a_notice("handed_off"))], {"currency": currency}, "fields")

    assert (quoted.fields["amount"], paid.fields["amount"]) == (amount, amount)


def test_a_customer_without_a_language_is_told_in_the_house_language():
    assert words_of(a_notice("ready", locale=None)).values["locale"] == "zh-CN"
    assert words_of(a_notice("ready", locale="fr")).values["locale"] == "zh-CN"


def test_a_milestone_without_words_says_so():
    with pytest.raises(MissingTemplateError, match="teleported"):
        words_of(a_notice("teleported"))


def test_an_operators_own_template_goes_first(tmp_path: Path):
    (tmp_path / "en").mkdir()
    blocks = "".join(f"{{% block {name} %}}our own {name}, {{{{ order }}}}{{% endblock %}}" for name in BLOCKS)
    (tmp_path / "en" / "ready.txt").write_text(blocks)
    ours = Composer(TemplateRenderer(tmp_path), {}, "Asia/Shanghai")

    assert words_of(a_notice("ready"), ours).title == "our own title, R1"
    assert words_of(a_notice("checked_in"), ours).title == "We have your car"


def test_what_was_held_is_told_as_one():
    composer = a_composer()
    sends = [
        a_send(a_notice("repair_started", at=now_ms() - HOUR)),
        a_send(a_notice("promise_changed", at=now_ms() - HOUR // 2)),
        a_send(a_notice("ready")),
    ]
    message = composer.message(list(reversed(sends)), FACT, "short")

    assert message.id == sends[-1].id
    assert message.words.title == "3 news of your car"
    assert message.words.short.startswith(
        "Your car (order R1): The repair has started; New time for your car; Your car is ready. https://"
    )
    assert "your car (order R1) is ready for you" in message.words.text
    assert "<h1" in message.words.html


# Whatever upstream sends is text, and stays it


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_never_more_than_text(value: str, locale: str):
    quote = {**QUOTE, "currency": value[:8] or "X", "parts": [{"part_no": value, "quantity": "1", "unit_price": "1"}]}
    clean = {"locale": locale, "at": 1_772_442_000_000}
    for milestone in ("part_delayed", "quote_ready"):
        fields = {"part_no": value, "order_id": value, **({"quote": quote} if milestone == "quote_ready" else {})}
        words = words_of(a_notice(milestone, **clean, **fields))
        plain = words_of(a_notice(milestone, **clean))
        for text in (words.title, words.short, words.note, words.status):
            assert text.isprintable()
        for text in (words.short.replace(LINK, ""), words.text.replace(LINK, "")):
            assert not starts_something(text), text
        assert elements(words.html) == elements(plain.html)
        assert words.text.count("\n") == plain.text.count("\n")


def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path: Path):
    (tmp_path / "en").mkdir()
    reach = "{{ order.__class__.__mro__ }}"
    blocks = "".join(f"{{% block {name} %}}{reach}{{% endblock %}}" for name in BLOCKS)
    (tmp_path / "en" / "ready.txt").write_text(blocks)

    with pytest.raises(Exception, match=r"unsafe|access to attribute"):
        _ = words_of(a_notice("ready"), Composer(TemplateRenderer(tmp_path), {}, "Asia/Shanghai")).title


@pytest.mark.parametrize("value", [*HOSTILE, "配件 06L-115.562_B", "x" * 500])
def test_a_plain_value_is_one_short_printable_line(value: str):
    text = wording.plain(value, 24)

    assert len(text) <= 24
    assert text.isprintable()


def test_ordinary_part_numbers_stay_as_they_are():
    assert [wording.plain(value, 24) for value in ("06L-115.562_B", "P-7", "前刹车片")] == [
        "06L-115.562_B",
        "P-7",
        "前刹车片",
    ]
