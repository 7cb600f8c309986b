"""Numbers, sizes, times and spans as people read them. Each returns text or escaped markup."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup


def number(value: float) -> str:
    """12345 as 12,345."""
    return f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in the largest decimal unit that leaves at least 1: 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def percent(value: float) -> str:
    """Whole when it can be; never rounded up to 100."""
    return f"{value:.0f} %" if value == int(value) else f"{value:.1f} %"


def rate(value: float) -> str:
    return f"{value:.1f}" if 0 < value < 10 else number(value)


def span(seconds: float) -> str:
    """Seconds in words, to a precision that is worth saying."""
    if seconds < 0.95:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def moment(microseconds: int) -> Markup:
    """A <time>, which the script shows in the reader's own zone; without it, UTC."""
    if not microseconds:
        return Markup('<span class="none">never</span>')
    then = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        then.isoformat(timespec="seconds"), f"{then:%Y-%m-%d %H:%M:%S} UTC"
    )


def ago(microseconds: int) -> Markup:
    """A <time> that the script shows as "12 s ago". The text itself stays the same while nothing happens."""
    if not microseconds:
        return Markup('<span class="none">never</span>')
    then = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return Markup('<time datetime="{}" data-ago>{}</time>').format(
        then.isoformat(timespec="seconds"), f"{then:%d %b %H:%M:%S} UTC"
    )


def clock(seconds: float, now: float) -> Markup:
    """A moment to come: the time of day, with the date when it is not today."""
    then, today = datetime.fromtimestamp(seconds, UTC), datetime.fromtimestamp(now, UTC)
    text = f"{then:%H:%M} UTC" if then.date() == today.date() else f"{then:%a %d %b %H:%M} UTC"
    return Markup('<time datetime="{}" data-clock>{}</time>').format(then.isoformat(timespec="seconds"), text)
