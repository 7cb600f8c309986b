"""Values made for the other side: constants, templates, replacements, as the project file says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from isthmus_project.rules import AttributeRule, parsed

from isthmus_sync.directory.objects import Values, as_values

if TYPE_CHECKING:
    from isthmus_sync.directory.objects import DirectoryObject


def transformed(rule: AttributeRule, attribute: str, owner: DirectoryObject) -> Values:
    """What the other side shall have in this attribute, from the owner's object.

    A template whose attributes are all empty gives no value, and blanks that empty ones leave behind are closed up.
    Replacements apply to text only; a value that they leave empty is none.
    """
    if rule.constant is not None:
        return as_values(rule.constant)
    values = owner.raw(attribute) if rule.template is None else _filled(rule.template, owner)
    for replacement in rule.replace:
        values = tuple(_replaced(value, replacement.pattern, replacement.to) for value in values)
    return tuple(dict.fromkeys(value for value in values if value))


def _filled(template: str, owner: DirectoryObject) -> Values:
    parts = list(parsed(template))
    if not any(owner.text(name) for _, name in parts if name):
        return ()
    text = "".join(before + (owner.text(name) if name else "") for before, name in parts)
    return as_values(" ".join(text.split()))


def _replaced(value: bytes, pattern: str, to: str) -> bytes:
    try:
        return re.sub(pattern, to, value.decode()).encode()
    except UnicodeDecodeError:
        return value
