"""What spreadsheets do to cells: numbers cut to a few digits, error texts, dates as numbers of days."""

import re
from datetime import datetime, timedelta

CUT = "a spreadsheet has cut this number, its last digits are lost; format the column as text and export again"
HIDDEN = "a spreadsheet wrote ### because the column was too narrow; widen it and export again"
ROUNDED = "a spreadsheet's date with so few digits that its minutes are not sure"
FORMULA_ERROR = "a spreadsheet's error instead of a value"

_FEW_DECIMALS = re.compile(r"[1-9]\d{4}\.(\d{1,3})")
_SCIENTIFIC = re.compile(r"[+-]?(\d(?:[.,]\d+)?)[Ee]\+?(\d{1,3})")
_SPREADSHEET = re.compile(r"\d(?:[.,]\d+)?[Ee]\+\d{2,3}")
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
_KEPT_AS_TEXT = re.compile(r"""="((?:[^"]|"")*)"|'(?=\S*\d)(\S+)""")
# Day 1 is 1900-01-01, and 1900-02-29, which was none, has a number: from March 1900 on this is the day before it all.
_DAY_ZERO, _DAY_ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 (the zone is put on later)
_FIRST_RIGHT_DAY, _LAST_DAY = 61, 2_958_466


def damage_of(text: str) -> str | None:
    """Why a cell is no value any more, None for one that is: a number cut to 1.77232E+12, `####` or `#REF!`."""
    if ("E+" in text or "e+" in text) and _SPREADSHEET.fullmatch(text) and is_cut(text):
        return CUT
    if text.startswith("#"):
        if len(text) > 2 and text.count("#") == len(text):
            return HIDDEN
        if _ERROR.fullmatch(text):
            return FORMULA_ERROR
    return None


def plain_cell(text: str) -> str:
    """The content of a cell that a program has written as ="00123", or with ' before it, so that it stays a text."""
    if text[0] not in "='":
        return text
    match = _KEPT_AS_TEXT.fullmatch(text)
    return (match[1] or match[2] or "").replace('""', '"').strip() if match else text


def is_cut(text: str) -> bool:
    """Whether a number in scientific notation has fewer digits than the number it stands for: 1.2E+3 is of four."""
    match = _SCIENTIFIC.fullmatch(text)
    return match is not None and int(match[2]) >= sum(sign.isdigit() for sign in match[1])


def is_rounded_date(text: str) -> bool:
    """Whether a spreadsheet's date has so few digits that it is no whole minute: 46086.33 is of 07:55:12."""
    match = _FEW_DECIMALS.fullmatch(text)
    return match is not None and int(match[1]) * 1_440 % 10 ** len(match[1]) != 0


def serial_date(text: str, day_zero: datetime = _DAY_ZERO) -> datetime:
    """The local time that a spreadsheet keeps as days since 1899-12-30, to the second. Raises ValueError."""
    days = float(text)
    if not _FIRST_RIGHT_DAY <= days < _LAST_DAY:
        raise ValueError
    # Cells show days to some 10 digits: what is left of a second is none.
    return day_zero + timedelta(seconds=round(days * 86_400))


def serial_date_1904(text: str) -> datetime:
    """The same of a workbook that counts from 1904-01-01, as those from old Macintosh computers do."""
    return serial_date(text, _DAY_ZERO_1904)
