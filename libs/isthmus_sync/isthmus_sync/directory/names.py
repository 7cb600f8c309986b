"""Distinguished names as values (RFC 4514): compared, taken apart and built."""

from __future__ import annotations

from functools import lru_cache

_SPECIAL = set('\\,+"<>;=')


def escape_rdn(value: str) -> str:
    """An attribute value made safe inside a distinguished name (RFC 4514 2.4)."""
    escaped = "".join(f"\\{c}" if c in _SPECIAL else f"\\{ord(c):02X}" if c < " " else c for c in value)
    if escaped.startswith((" ", "#")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def split(dn: str) -> list[str]:
    """The relative names of a distinguished name, the object's own first, as they are written."""
    if dn and "\\" not in dn and '"' not in dn and ";" not in dn:
        return dn.split(",")
    parts: list[str] = []
    current: list[str] = []
    quoted = escaped = False
    for c in dn:
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif c in ",;" and not quoted:
            parts.append("".join(current))
            current = []
            continue
        current.append(c)
    if current or parts:
        parts.append("".join(current))
    return parts


def parent(dn: str) -> str:
    """The distinguished name of the object above; empty for a name without one."""
    return ",".join(split(dn)[1:])


@lru_cache(maxsize=65536)
def key(dn: str) -> tuple[str, ...]:
    """A distinguished name as it is compared: without case, escapes and blanks around its parts, topmost part first."""
    return tuple(_part_key(part) for part in reversed(split(dn)))


def is_below(dn: str, base: str) -> bool:
    """Whether `dn` is `base` or lies below it."""
    own, above = key(dn), key(base)
    return own[: len(above)] == above


@lru_cache(maxsize=64)
def realm(base: str) -> str:
    """The DNS name of the domain with this distinguished name: corp.alpha.example for DC=corp,DC=alpha,DC=example."""
    labels = [part.partition("=")[2].strip() for part in split(base) if part.strip().upper().startswith("DC=")]
    return ".".join(labels)


def _part_key(part: str) -> str:
    kind, _, value = part.partition("=")
    bare = value.strip(" ")
    if bare.endswith("\\") and len(bare) - len(bare.rstrip("\\")) & 1:
        bare += " "  # the last blank is escaped, and part of the value
    return f"{kind.strip().casefold()}={_unescaped(bare).casefold()}"


def _unescaped(value: str) -> str:
    """The value with its escapes undone; a pair of hexadecimal digits stands for a byte of UTF-8."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "\\" not in value:
        return value
    raw = bytearray()
    i = 0
    while i < len(value):
        if value[i] != "\\":
            raw += value[i].encode()
            i += 1
            continue
        pair = value[i + 1 : i + 3]
        if len(pair) == 2 and all(c in "0123456789abcdefABCDEF" for c in pair):
            raw.append(int(pair, 16))
            i += 3
        else:
            raw += value[i + 1 : i + 2].encode()
            i += 2
    return raw.decode("utf-8", "replace")
