"""Dates as Elasticsearch reads them: formats, date math, times; all become milliseconds since 1970 in UTC.

`now` is refused: the same search would give another result tomorrow.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from relevance.errors import InputError, NotInterpretedError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOO_LATE = 1 << 63
"""Milliseconds that a server does not hold."""
_TIME_OF_DAY = "HH[:mm[:ss[.SSS]]][~z]"
_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "date_optional_time": "~y[-M[-d['T'[HH[:mm[:ss[.SSS]][~z]]]]]]",
        "strict_date_optional_time": f"yyyy[-MM[-dd['T'[{_TIME_OF_DAY}]]]]",
        "strict_date": "yyyy-MM-dd",
        "date": "~y-M-d",
        "strict_date_time": "yyyy-MM-dd'T'HH:mm:ss.SSS~z",
        "date_time": "~y-M-d'T'H:m:s.SSS~z",
        "strict_date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ss~z",
        "date_time_no_millis": "~y-M-d'T'H:m:s~z",
        "strict_date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
        "date_hour_minute_second": "~y-M-d'T'H:m:s",
        "strict_date_hour_minute": "yyyy-MM-dd'T'HH:mm",
        "strict_year_month_day": "yyyy-MM-dd",
        "strict_year_month": "yyyy-MM",
        "year_month": "~y-M",
        "strict_year": "yyyy",
        "year": "~y",
        "basic_date": "yyyyMMdd",
        "basic_date_time_no_millis": "yyyyMMdd'T'HHmmss~z",
    }
)
"""Elasticsearch's names, spelt as its patterns; `~y`: a year of one to nine digits, `~z`: a zone in any spelling."""

_EPOCHS: Mapping[str, int] = MappingProxyType({"epoch_millis": 1, "epoch_second": 1000})
_EPOCH = re.compile(r"(-?)0*(\d{1,19})(?:\.(\d{0,9}))?", re.ASCII)

_PIECES: Mapping[str, str] = MappingProxyType(
    {
        "~y": r"(?P<year>[+-]?\d{1,9})",
        "yyyy": r"(?P<year>\d{4})",
        "uuuu": r"(?P<year>\d{4})",
        "y": r"(?P<year>\d{4})",
        "MM": r"(?P<month>\d{2})",
        "M": r"(?P<month>\d{1,2})",
        "dd": r"(?P<day>\d{2})",
        "d": r"(?P<day>\d{1,2})",
        "HH": r"(?P<hour>\d{2})",
        "H": r"(?P<hour>\d{1,2})",
        "mm": r"(?P<minute>\d{2})",
        "m": r"(?P<minute>\d{1,2})",
        "ss": r"(?P<second>\d{2})",
        "s": r"(?P<second>\d{1,2})",
        ".SSS": r"[.,](?P<fraction>\d{1,9})",
        "SSS": r"(?P<fraction>\d{3})",
        "~z": r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)",
        "X": r"(?P<zone>Z|[+-]\d{2}(?:\d{2})?)",
        "XX": r"(?P<zone>Z|[+-]\d{4})",
        "XXX": r"(?P<zone>Z|[+-]\d{2}:\d{2})",
        "Z": r"(?P<zone>[+-]\d{4})",
    }
)
_PATTERN = re.compile(r"'([^']*)'|(\.SSS(?!S)|~[yz]|([A-Za-z])\3*)|([\[\]])|([^A-Za-z'])")

_UNITS: Mapping[str, float] = MappingProxyType({"ms": 1, "s": 1e3, "m": 60e3, "h": 3600e3, "d": 86400e3})
_TIME = re.compile(r"\s*(\d{1,19})\s*(ms|s|m|h|H|d)\s*", re.ASCII)

_OPERATION = re.compile(r"(/|[+-])(\d*)([yMwdhHms])", re.ASCII)
_LAST_OF_DAY = {"hour": 23, "minute": 59, "second": 59, "millisecond": 999}


def check_format(text: str) -> None:
    """Check the `format` of a query: names or patterns, `||` between them.

    Raises:
        InputError: one is not known.
    """
    for name in text.split("||"):
        if name not in _EPOCHS:
            _compiled(name)


def millis(value: object, formats: str, *, round_up: bool = False, zone: tzinfo = UTC) -> int:
    """Read a date, with or without date math (`2024-01-01||+1M/d`), as milliseconds since 1970.

    Args:
        value: text or a number.
        formats: names or patterns, `||` between them, tried in order.
        round_up: what is missing in the text is the last of its day, and `/` rounds up to the last of its unit.
        zone: of dates that name none.

    Raises:
        InputError: it is no date of these formats, or depends on the time of the search.
    """
    text = str(value)
    if text.startswith("now"):
        raise NotInterpretedError(
            f"{text!r} depends on the day of the search; allowed: a fixed date, such as 2024-01-31||-7d"
        )
    date, anchored, operations = text.partition("||")
    moment = _moment(date, formats, zone, round_up=round_up and not anchored)
    try:
        return _milliseconds(_calculated(moment, operations, text, zone, round_up=round_up)) if anchored else moment
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is beyond the years 1 to 9999") from None


def _moment(text: str, formats: str, zone: tzinfo, *, round_up: bool) -> int:
    for name in formats.split("||"):
        if name in _EPOCHS:
            if epoch := _EPOCH.fullmatch(text):
                return _since_1970(epoch, _EPOCHS[name], zone, round_up=round_up)
        elif (match := _compiled(name).fullmatch(text)) and (moment := _read(match, zone, round_up=round_up)):
            return _milliseconds(moment)
    raise InputError(f"{text!r} is no date; allowed: {formats}")


@cache
def _compiled(name: str) -> re.Pattern[str]:
    """Turn a format into a regular expression.

    Raises:
        InputError: it is not known.
    """
    pattern, parts, at = _FORMATS.get(name, name), [], 0
    while at < len(pattern):
        piece = _PATTERN.match(pattern, at)
        if piece is None or (piece[2] and piece[2] not in _PIECES):
            raise NotInterpretedError(
                f"unknown date format {name!r}{did_you_mean(name, [*_FORMATS, *_EPOCHS])}; allowed:"
                f" {', '.join([*_FORMATS, *_EPOCHS])}, and patterns of yyyy MM dd HH mm ss SSS X"
            )
        if piece[2]:
            parts.append(_PIECES[piece[2]])
        elif piece[4]:
            parts.append("(?:" if piece[4] == "[" else ")?")
        else:
            parts.append(re.escape(piece[1] if piece[1] is not None else piece[5]))
        at = piece.end()
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error:
        raise NotInterpretedError(
            f"unknown date format {name!r}: a part stands twice, or brackets do not match"
        ) from None


def _since_1970(number: re.Match[str], unit: int, zone: tzinfo, *, round_up: bool) -> int:
    if zone is not UTC:
        raise NotInterpretedError(
            f"a time_zone beside {number[0]!r}, on which the releases differ; allowed: either alone"
        )
    fraction = 0
    if unit > 1:
        fraction = int(f"{number[3]:0<3}"[:3]) if number[3] else (unit - 1) * round_up
    moment = (-1 if number[1] else 1) * int(number[2]) * unit + fraction
    if abs(moment) >= _TOO_LATE:
        raise InputError(f"{number[0]!r} is no date: it is too large")
    return moment


def _read(match: re.Match[str], zone: tzinfo, *, round_up: bool) -> datetime | None:
    parts = {"month": "1", "day": "1", "hour": None, "minute": None, "second": None, "fraction": None, "zone": None}
    parts |= {name: value for name, value in match.groupdict().items() if value is not None}
    last = _LAST_OF_DAY if round_up else dict.fromkeys(_LAST_OF_DAY, 0)
    numbers = {name: int(parts[name] or last[name]) for name in ("hour", "minute", "second")}
    fraction = parts["fraction"]
    millisecond = last["millisecond"] if fraction is None else int(f"{fraction:0<3}"[:3])
    try:
        return datetime(
            int(parts.get("year") or 1970),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            **numbers,
            microsecond=millisecond * 1000,
            tzinfo=time_zone(parts["zone"]) if parts["zone"] else zone,
        )
    except ValueError:
        return None


def time_zone(text: str) -> tzinfo:
    """Read a `time_zone`: Z, +01:00, or a name such as Europe/Berlin.

    Raises:
        InputError: it is none.
    """
    if text in ("Z", "UTC", "GMT"):
        return UTC
    try:
        if offset := re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", text):
            minutes = 60 * int(offset[2]) + int(offset[3] or 0)
            return timezone((-1 if offset[1] == "-" else 1) * timedelta(minutes=minutes))
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise InputError(f"unknown time zone {text!r}; allowed: Z, +01:00, Europe/Berlin") from None


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _calculated(start: int, operations: str, text: str, zone: tzinfo, *, round_up: bool) -> datetime:
    moment = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=start)).astimezone(zone)
    at = 0
    while at < len(operations):
        operation = _OPERATION.match(operations, at)
        if operation is None or (operation[1] == "/" and operation[2] not in ("", "1")):
            raise InputError(f"{text!r} is no date math; allowed: +1d, -2M, /d with the units y M w d h m s")
        number = int(operation[2] or 1) * (-1 if operation[1] == "-" else 1)
        if operation[1] != "/":
            moment = _moved(moment, number, operation[3])
        else:
            moment = _floor(moment, operation[3])
            if round_up:
                moment = _moved(moment, 1, operation[3]) - timedelta(milliseconds=1)
        at = operation.end()
    return moment


def _moved(moment: datetime, number: int, unit: str) -> datetime:
    if unit in "yM":
        months = 12 * moment.year + moment.month - 1 + number * (12 if unit == "y" else 1)
        year, month = months // 12, months % 12 + 1
        return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
    if unit in "wd":
        return moment + timedelta(days=number * (7 if unit == "w" else 1))
    # Hours are moved on the line of time, days and longer units in the calendar of the zone.
    shift = timedelta(milliseconds=number * _UNITS[unit.lower()])
    return (moment.astimezone(UTC) + shift).astimezone(moment.tzinfo)


def _floor(moment: datetime, unit: str) -> datetime:
    if unit == "s":
        return moment.replace(microsecond=0)
    if unit == "m":
        return moment.replace(second=0, microsecond=0)
    if unit in "hH":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    if unit == "d":
        return day
    return day.replace(day=1) if unit == "M" else day.replace(day=1, month=1)


def duration(value: object) -> float:
    """Read a time such as `10d` or `36h` as milliseconds.

    Raises:
        InputError: it is none.
    """
    match = _TIME.fullmatch(str(value))
    if match is None:
        raise InputError(f"{value!r} is no time; allowed: whole numbers of d, h, m, s or ms, such as 10d")
    return int(match[1]) * _UNITS[match[2].lower()]
