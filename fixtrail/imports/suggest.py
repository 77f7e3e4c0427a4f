"""A first mapping for a log that nobody has described: what is sure is written, what is a guess is said to be one."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fixtrail.imports.errors import LogError
from fixtrail.imports.guesses import column_for, event_for, formats_of, other_dates, surest, zones_in
from fixtrail.imports.log import LAST_ENCODING, Sample, peek_log

SAMPLE_ROWS = 5_000
MOST_ACTIVITIES = 60
_EMPTY = ("-", "—", "无", "NULL")
_PHASED = {"diagnosis", "part_request", "repair", "quality_check"}


@dataclass
class _Columns:
    """Which columns stand for what, and the formats of those that hold times."""

    case: str
    times: dict[str, tuple[str, ...]]
    activity: str | None
    zones: dict[str, str] = field(default_factory=dict)
    is_order_guessed: bool = False
    roles: dict[str, str] = field(default_factory=dict)


def suggest_mapping(path: Path) -> str:
    """The text of a mapping file. Raises LogError for a log that cannot be read or has no column for the order."""
    sample = peek_log(path, SAMPLE_ROWS)
    columns = _columns(sample, path)
    of_times = {name: event_for(name) for name in columns.times}
    kinds = {event[0] for event in of_times.values() if event}
    is_wide = columns.activity is None or len(kinds - {"promised"}) >= 2
    lines = [*_head(path, sample, columns, is_wide), *_time(columns, sample, is_wide), *_fields(columns)]
    rules = _wide_rules(columns, of_times) if is_wide else _narrow_rules(columns, sample)
    cases = [row.get(columns.case) for row in sample.rows]
    if is_wide and len(set(cases)) < len(cases):
        # A row for each part of an order: its times are those of the first.
        rules = [f'{line}\nmatch = {{ "@first" = true }}' if line.startswith("time = ") else line for line in rules]
    return "\n".join([*lines, *rules]) + "\n"


def _columns(sample: Sample, path: Path) -> _Columns:
    if not sample.rows:
        raise LogError(f"{path}: there are no rows below the header, so nothing to guess by")
    values = {name: _values(sample, name) for name in sample.columns}
    texts = [text for column in values.values() for text in column]
    (dates_elsewhere, is_order_guessed), zones = other_dates(texts), zones_in(texts)
    times = {
        name: formats
        for name, column in values.items()
        if (formats := formats_of(column, name, dates_elsewhere, zones))
    }
    case = column_for("case", sample.columns, times)
    if case is None or not times:
        lack = "the number of an order" if case is None else "a time"
        names = ", ".join(" ".join(name.split()) for name in sample.columns[:50])
        raise LogError(f"{path}: no column looks like {lack}. It has: {names}")
    columns = _Columns(case, times, column_for("activity", sample.columns, [case, *times]), zones, is_order_guessed)
    assigned = [case, *times]
    for role in ("vehicle", "customer", "center", "odometer", "lane", "amount", "score"):
        column = column_for(role, sample.columns, assigned)
        if column is not None:
            columns.roles[role] = column
            assigned.append(column)
    return columns


def _values(sample: Sample, name: str) -> list[str]:
    return [row[name] for row in sample.rows if row.get(name, "-") not in _EMPTY][:500]


def _head(path: Path, sample: Sample, columns: _Columns, is_wide: bool) -> list[str]:
    namespace = "".join(sign for sign in path.name.split(".")[0] if sign.isascii() and (sign.isalnum() or sign in "-_"))
    lines = [
        f"# A first mapping for {path.name}, made by guessing. Read every line, then try it:",
        f"#   fixtrail import {path.name} --mapping THIS.toml --dry-run",
        "",
        f"namespace = {_text(namespace[:40] or 'log')}   # one per source system: it starts every event id",
        "",
        "[log]",
        f"format = {_text(sample.format)}",
    ]
    if sample.format == "csv":
        guess = "   # a guess: neither UTF-8 nor GB18030" if sample.encoding == LAST_ENCODING else ""
        lines += [f"encoding = {_text(sample.encoding)}{guess}", f"delimiter = {_text(sample.delimiter)}"]
        lines += [f"skip_lines = {sample.skip_lines}   # above the header"] if sample.skip_lines else []
    lines.append(f"case = {_text(columns.case)}   # one case is one service order")
    if is_wide:
        lines.append('rows = "orders"   # a row is a whole order, with a column for each time')
    if columns.activity:
        lines.append(f"activity = {_text(columns.activity)}")
    lines += [f"empty = [{', '.join(map(_text, _EMPTY))}]", ""]
    return lines


def _time(columns: _Columns, sample: Sample, is_wide: bool) -> list[str]:
    formats = list(dict.fromkeys(pattern for patterns in columns.times.values() for pattern in patterns))
    zone = "Asia/Shanghai" if any(map(_is_chinese, sample.columns)) else "UTC"
    lines = ["[time]"]
    if not is_wide and columns.times:
        lines.append(f"column = {_text(next(iter(columns.times)))}")
    starts = {pattern[:3] for pattern in formats} & {"%d/", "%m/"}
    order = (
        "" if not starts else "   # the day before the month" if "%d/" in starts else "   # the month before the day"
    )
    order += "; a guess: no date of this log tells" if order and columns.is_order_guessed else ""
    lines += [
        f"format = [{', '.join(map(_text, formats))}]{order}",
        f"zone = {_text(zone)}   # a guess: of the times that carry no offset",
    ]
    if columns.zones:
        names = ", ".join(f"{name} = {_text(meant)}" for name, meant in columns.zones.items())
        lines.append(f"zones = {{ {names} }}   # a guess: names that mean several zones")
    return [*lines, ""]


def _fields(columns: _Columns) -> list[str]:
    roles, case = columns.roles, columns.case
    lines = ["[fields]"]
    if "vehicle" in roles:
        lines.append(
            f"vehicle_id = {{ column = {_text(roles['vehicle'])}, default = {_text(f'unknown-{{{case}}}')},"
            ' normalize = ["width", "upper"] }'
        )
    else:
        lines.append(f"vehicle_id = {_text(f'unknown-{{{case}}}')}   # no column looks like a vehicle: no comebacks")
    customer = roles.get("customer")
    lines.append(
        f"customer_id = {{ column = {_text(customer)}, default = {_text(f'{{{case}}}')} }}"
        if customer
        else f"customer_id = {_text(f'{{{case}}}')}   # no column looks like a customer"
    )
    center = roles.get("center")
    lines.append(
        f'center_id = {{ column = {_text(center)}, normalize = ["width"] }}   # a map gives them your own ids'
        if center
        else 'center_id = "center-1"   # no column looks like a center'
    )
    return [*lines, ""]


def _narrow_rules(columns: _Columns, sample: Sample) -> list[str]:
    activity = columns.activity or ""
    counts = Counter(row[activity] for row in sample.rows if activity in row)
    rules: list[str] = []
    unknown: list[str] = []
    kinds = set()
    for text, _ in counts.most_common(MOST_ACTIVITIES):
        event = event_for(text)
        if event is None or event[0] == "promised":
            unknown.append(text)
            continue
        kinds.add(event[0])
        rules += _rule(event, columns, f"match = {{ {_text(activity)} = {_text(text)} }}")
    if "check_in" not in kinds:
        first = ["also = true", 'match = { "@earliest" = true }']
        rules = [*_rule(("check_in", None), columns, *first, note="no activity looks like an arrival"), *rules]
    if unknown:
        texts = ", ".join(map(_text, unknown))
        rules += ["[[ignore]]", f"match = {{ {_text(activity)} = [{texts}] }}", 'reason = "not understood yet"', ""]
    return rules


def _wide_rules(columns: _Columns, of_times: dict[str, tuple[str, str | None] | None]) -> list[str]:
    if not any(event and event[0] != "promised" for event in of_times.values()):
        kind = "survey" if "score" in columns.roles else "check_in"
        note = f"a guess: no column of times says of what; taken for the {kind}"
        return _rule((kind, None), columns, f"time = {_text(next(iter(of_times)))}", note=note)
    rules: list[str] = []
    for name, event in of_times.items():
        twins = [column for column, kind in of_times.items() if kind == event]
        if event is None or name != surest(twins):
            rules += [f"# The times in {_text(name)} make no event: nobody knows of which.", ""]
        elif event[0] != "promised":
            promised = next((column for column, kind in of_times.items() if kind and kind[0] == "promised"), None)
            rules += _rule(event, columns, f"time = {_text(name)}", promised=promised)
    if "score" in columns.roles and not any(event and event[0] == "survey" for event in of_times.values()):
        handoffs = [name for name, event in of_times.items() if event and event[0] == "handoff"]
        if handoffs:
            handoff = surest(handoffs)
            when = f"when = {{ column = {_text(columns.roles['score'])}, exists = true }}"
            rules += _rule(("survey", None), columns, f"time = {_text(handoff)}", when)
    return rules


def _rule(
    event: tuple[str, str | None], columns: _Columns, *lines: str, promised: str | None = None, note: str = ""
) -> list[str]:
    type_, phase = event
    fields = _fields_of(type_, phase, columns, promised)
    head = [f"# {note}"] if note else []
    return [*head, "[[event]]", f'type = "{type_}"', *lines, *(["[event.fields]", *fields] if fields else []), ""]


def _fields_of(type_: str, phase: str | None, columns: _Columns, promised: str | None) -> list[str]:
    roles, fields = columns.roles, []
    if type_ in _PHASED and phase:
        fields.append(f'phase = "{phase}"')
    if type_ == "check_in":
        lane = roles.get("lane")
        fields.append(
            f'lane = {{ column = {_text(lane)}, map = {{ "快修" = "quick" }}, default = "standard" }}'
            if lane
            else 'lane = "standard"'
        )
        fields += [_number("odometer_km", roles["odometer"])] if "odometer" in roles else []
        fields += [f'promised_at = {{ column = {_text(promised)}, bad = "omit" }}'] if promised else []
    elif type_ == "repair":
        fields.append('job_id = "1"')
    elif type_ == "part_request":
        fields += ['request_id = "{@case}-1"', 'part_no = "unknown"', "quantity = 1"]
    elif type_ == "quality_check":
        fields.append("passed = true   # a guess: the log may say so")
    elif type_ == "quote_decision":
        fields.append("approved = true   # a guess: the log may say so")
    elif type_ == "handoff" and "amount" in roles:
        fields.append(_number("amount", roles["amount"]))
    elif type_ == "survey":
        fields.append(f'score = {{ column = {_text(roles.get("score", "SCORE"))}, extract = "([0-9]+)" }}')
    elif type_ == "complaint":
        fields.append('category = "unknown"')
    return fields


def _number(name: str, column: str) -> str:
    extract = "" if name == "amount" else r', extract = "^([0-9.,]+万?)"'
    return f'{name} = {{ column = {_text(column)}{extract}, thousands = ",", bad = "omit" }}'


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def _text(value: str | None) -> str:
    return json.dumps(value or "", ensure_ascii=False)
