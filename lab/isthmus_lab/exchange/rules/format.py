"""Conditions and actions of rules as bytes: the formats of extended rules ([MS-OXORULE] 2.2.4, [MS-OXCDATA] 2.12).

Named properties have numbers that hold in the bytes only; a table in front says what they are. All counts are 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final, Literal
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Properties
from isthmus_lab.mapi.tags import NamedProperty, PropertyKey, property_type
from isthmus_lab.store import And, Bitmask, Compare, Contains, Exists, Not, Or
from isthmus_lab.store.restriction import OtherProperty

from .model import Action, Condition, Flavor, Kind, Recipients, every, negated, some

_U16, _U32 = Struct("<H"), Struct("<I")
_FIXED: Final = {
    tags.PtypInteger16: Struct("<h"),
    tags.PtypInteger32: Struct("<i"),
    tags.PtypFloating64: Struct("<d"),
    tags.PtypBoolean: Struct("<?"),
    tags.PtypInteger64: Struct("<q"),
    tags.PtypTime: Struct("<Q"),
}
_OPERATORS: Final[tuple[Literal["<", "<=", ">", ">=", "=", "!="], ...]] = ("<", "<=", ">", ">=", "=", "!=")
_MODES: Final[tuple[Literal["full", "substring", "prefix"], ...]] = ("full", "substring", "prefix")
_IGNORE_CASE: Final = 0x10000
_RECIPIENT_TABLE: Final = 0x0E12000D  # PidTagMessageRecipients
_VERSION: Final = 1
_DEEPEST: Final = 50
_AND, _OR, _NOT, _CONTENT, _PROPERTY, _COMPARE, _BITMASK, _EXIST, _SUB = 0, 1, 2, 3, 4, 5, 6, 8, 9


def write_condition(condition: Condition) -> bytes:
    """PidTagExtendedRuleMessageCondition, 2.2.4.1.10."""
    out = _Writer()
    out.condition(condition)
    return out.names() + bytes(out.raw)


def read_condition(raw: bytes) -> Condition:
    """The condition in the bytes. ValueError for what is none."""
    source = _Reader.after_names(raw)
    condition = source.condition()
    source.end()
    return condition


def write_actions(actions: tuple[Action, ...]) -> bytes:
    """PidTagExtendedRuleMessageActions, 2.2.4.1.9."""
    out = _Writer()
    out.number(len(actions))
    for action in actions:
        block = _Writer(out.named)
        block.action(action)
        out.sized(bytes([action.kind]) + _U32.pack(action.flavor) + _U32.pack(0) + bytes(block.raw))
    return out.names() + _U32.pack(_VERSION) + bytes(out.raw)


def read_actions(raw: bytes) -> tuple[Action, ...]:
    """The actions in the bytes. ValueError for what is none."""
    source = _Reader.after_names(raw)
    if source.number() != _VERSION:
        raise ValueError("not a version of rule actions that is known")
    actions = tuple(_Reader(source.sized(), source.named).action() for _ in range(source.number()))
    source.end()
    return actions


@dataclass
class _Writer:
    named: list[NamedProperty] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)

    def names(self) -> bytes:
        """NamedPropertyInformation, 2.2.4.2."""
        if not self.named:
            return _U16.pack(0)
        ids = b"".join(_U16.pack(0x8000 + number) for number in range(len(self.named)))
        names = b""
        for each in self.named:
            if isinstance(each.id, int):
                names += b"\0" + each.guid.bytes_le + _U32.pack(each.id)
            else:
                text = f"{each.id}\0".encode("utf-16-le")
                names += b"\1" + each.guid.bytes_le + bytes([len(text)]) + text
        return _U16.pack(len(self.named)) + ids + _U32.pack(len(names)) + names

    def number(self, value: int) -> None:
        self.raw += _U32.pack(value)

    def sized(self, content: bytes) -> None:
        self.number(len(content))
        self.raw += content

    def key(self, key: PropertyKey) -> None:
        if isinstance(key, NamedProperty):
            if key not in self.named:
                self.named.append(key)
            key = tags.tag(0x8000 + self.named.index(key), key.type)
        self.number(key)

    def value(self, key: PropertyKey, value: Any) -> None:
        """A TaggedPropertyValue, [MS-OXCDATA] 2.11.4."""
        self.key(key)
        code = property_type(key)
        if code & tags.PtypMultiple:
            self.number(len(value))
            for each in value:
                self._scalar(code & ~tags.PtypMultiple, each)
        else:
            self._scalar(code, value)

    def _scalar(self, code: int, value: Any) -> None:
        if code == tags.PtypString:
            self.raw += f"{value}\0".encode("utf-16-le", "replace")
        elif code == tags.PtypBinary:
            self.sized(value)
        elif code in _FIXED:
            self.raw += _FIXED[code].pack(value)
        else:
            raise ValueError(f"a rule cannot hold a value of type 0x{code:04X}")

    def condition(self, condition: Condition) -> None:
        match condition:
            case And(parts) | Or(parts):
                self.raw.append(_AND if isinstance(condition, And) else _OR)
                self.number(len(parts))
                for part in parts:
                    self.condition(part)
            case Not(part):
                self.raw.append(_NOT)
                self.condition(part)
            case Contains(key, text, mode, ignore_case):
                self.raw.append(_CONTENT)
                self.number(_MODES.index(mode) | (_IGNORE_CASE if ignore_case else 0))
                self.key(key)
                # Of a property with several values each is compared with the text.
                self.value(key, [text] if property_type(key) & tags.PtypMultiple else text)
            case Compare(key, sign, OtherProperty(other)):
                self.raw += bytes([_COMPARE, _OPERATORS.index(sign)])
                self.key(key)
                self.key(other)
            case Compare(key, sign, value):
                self.raw += bytes([_PROPERTY, _OPERATORS.index(sign)])
                self.key(key)
                self.value(key, value)
            case Bitmask(key, mask, is_zero):
                self.raw += bytes([_BITMASK, 0 if is_zero else 1])
                self.key(key)
                self.number(mask)
            case Exists(key):
                self.raw.append(_EXIST)
                self.key(key)
            case Recipients(part):
                self.raw.append(_SUB)
                self.number(_RECIPIENT_TABLE)
                self.condition(part)
            case _:
                raise ValueError(f"a rule cannot ask for {condition}")

    def action(self, action: Action) -> None:
        match action.kind:
            case Kind.MOVE | Kind.COPY:
                self.sized(b"")  # the store: this one
                self.sized(action.folder)
            case Kind.FORWARD | Kind.DELEGATE:
                self.number(len(action.recipients))
                for each in action.recipients:
                    self.raw.append(1)
                    self.number(len(each))
                    for key, value in each.items():
                        self.value(key, value)
            case Kind.TAG:
                assert action.tag is not None
                self.value(*action.tag)
            case Kind.REPLY:
                self.sized(action.template)
                self.raw += bytes(16)
            case _:
                self.raw += action.data


@dataclass
class _Reader:
    raw: bytes
    named: dict[int, tuple[UUID, int | str]]
    at: int = 0

    @classmethod
    def after_names(cls, raw: bytes) -> _Reader:
        source = cls(raw, {})
        count = int.from_bytes(source.take(2), "little")
        if count:
            ids = [int.from_bytes(source.take(2), "little") for _ in range(count)]
            names = cls(source.sized(), {})
            for number in ids:
                by_name, guid = names.take(1)[0], UUID(bytes_le=names.take(16))
                name = names.take(names.take(1)[0]).decode("utf-16-le").rstrip("\0") if by_name else names.number()
                source.named[number] = (guid, name)
        return source

    def take(self, length: int) -> bytes:
        self.at += length
        if self.at > len(self.raw):
            raise ValueError(f"a rule of {len(self.raw)} bytes ends inside a value")
        return self.raw[self.at - length : self.at]

    def end(self) -> None:
        if self.at != len(self.raw):
            raise ValueError(f"a rule has {len(self.raw) - self.at} bytes too many")

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def sized(self) -> bytes:
        return self.take(self.number())

    def key(self) -> PropertyKey:
        number = self.number()
        if number < 0x80000000:
            return number
        guid, name = self.named[number >> 16] if number >> 16 in self.named else (UUID(int=0), number >> 16)
        return NamedProperty(guid, name, number & 0xFFFF)

    def value(self) -> tuple[PropertyKey, Any]:
        key = self.key()
        code = property_type(key)
        if code & tags.PtypMultiple:
            return key, [self._scalar(code & ~tags.PtypMultiple) for _ in range(self.number())]
        return key, self._scalar(code)

    def _scalar(self, code: int) -> Any:
        if code == tags.PtypString:
            units = iter(lambda: self.take(2), b"\0\0")
            return b"".join(units).decode("utf-16-le", "replace")
        if code == tags.PtypBinary:
            return self.sized()
        if code not in _FIXED:
            raise ValueError(f"a rule with a value of type 0x{code:04X}")
        try:
            return _FIXED[code].unpack(self.take(_FIXED[code].size))[0]
        except StructError as error:
            raise ValueError(str(error)) from error

    def condition(self, depth: int = 0) -> Condition:
        if depth > _DEEPEST:
            raise ValueError(f"a rule goes deeper than {_DEEPEST} restrictions")
        kind = self.take(1)[0]
        if kind in (_AND, _OR):
            parts = tuple(self.condition(depth + 1) for _ in range(self.number()))
            return every(parts) if kind == _AND else some(parts)
        if kind == _NOT:
            return negated(self.condition(depth + 1))
        if kind == _CONTENT:
            level, key = self.number(), self.key()
            _, text = self.value()
            mode = _MODES[min(level & 0xFFFF, 2)]
            return Contains(key, text[0] if isinstance(text, list) else text, mode, bool(level & _IGNORE_CASE))
        if kind in (_PROPERTY, _COMPARE):
            sign, key = _OPERATORS[self.take(1)[0] % len(_OPERATORS)], self.key()
            return Compare(key, sign, OtherProperty(self.key()) if kind == _COMPARE else self.value()[1])
        if kind == _BITMASK:
            is_zero, key = self.take(1)[0] == 0, self.key()
            return Bitmask(key, self.number(), is_zero)
        if kind == _EXIST:
            return Exists(self.key())
        if kind == _SUB and self.number() == _RECIPIENT_TABLE:
            return Recipients(self.condition(depth + 1))
        raise ValueError(f"a rule with a restriction of kind {kind}")

    def action(self) -> Action:
        number, flavor = self.take(1)[0], Flavor(self.number() & 0xF)
        self.number()  # ActionFlags
        kind = Kind(number)
        match kind:
            case Kind.MOVE | Kind.COPY:
                self.sized()
                return Action(kind, flavor, folder=self.sized())
            case Kind.FORWARD | Kind.DELEGATE:
                return Action(kind, flavor, recipients=tuple(self._recipient() for _ in range(self.number())))
            case Kind.TAG:
                return Action(kind, flavor, tag=self.value())
            case Kind.REPLY:
                return Action(kind, flavor, template=self.sized())
            case _:
                return Action(kind, flavor, data=self.take(len(self.raw) - self.at))

    def _recipient(self) -> Properties:
        self.take(1)
        return dict(self.value() for _ in range(self.number()))
