"""GetAttachment, CreateAttachment ([MS-OXWSATT] 3.1.4): one attachment at a time, for they may be large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..body import Body, Piece
from ..item_properties import MESSAGE, Form
from ..names import M, T
from ..soap import Element, Large, attribute, text
from ..values import Attachment
from .get_properties import written
from .operation import Operation, only

_DESCRIPTION = ("Name", "ContentType", "ContentId", "ContentLocation", "IsInline")
_OF_FILES = ("IsContactPhoto",)
_OF_REFERENCES = (
    "AttachLongPathName",
    "ProviderType",
    "ProviderEndpointUrl",
    "AttachmentThumbnailUrl",
    "AttachmentPreviewUrl",
    "PermissionType",
    "AttachmentIsFolder",
)


@dataclass(frozen=True)
class GetAttachment(Operation[Attachment]):
    """An attachment with its content. An item comes in this form: with its native content, where the form has any."""

    id: str
    form: Form = MESSAGE
    name = "GetAttachment"
    content = True

    def body(self, _newer: bool, /) -> str:
        return (
            "<m:GetAttachment><m:AttachmentShape>"
            f"{self.form.asked(native=self.form.mime, associated=False)}</m:AttachmentShape>"
            f"<m:AttachmentIds><t:AttachmentId Id={attribute(self.id)}/></m:AttachmentIds></m:GetAttachment>"
        )

    def answer(self, messages: Sequence[Element]) -> Attachment:
        return self.answer_with(messages, Large())

    def answer_with(self, messages: Sequence[Element], large: Large) -> Attachment:
        element = only(messages).find(f"{M}Attachments/*")
        if element is None:
            raise ValueError("the server's answer lacks an attachment")
        kind = str(element.tag).removeprefix(T)
        head = f"<t:{kind}>" + _fields(element, _DESCRIPTION)
        if kind == "FileAttachment":
            head += _fields(element, _OF_FILES)
            content = large.text(element.find(f"{T}Content"))
            return Attachment((head, "<t:Content>", content, f"</t:Content></t:{kind}>"))
        if kind == "ReferenceAttachment":
            return Attachment((head + _fields(element, _OF_REFERENCES), f"</t:{kind}>"))
        item, made = element[-1], self.form.element
        content = written(item, self.form)
        pieces = (f"{head}<t:{made}>", content, f"</t:{made}></t:{kind}>")
        return Attachment(pieces, item.findtext(f"{T}ItemClass") or "", content)


@dataclass(frozen=True)
class CreateAttachment(Operation[None]):
    """Adds an attachment to an item."""

    item: str
    attachment: Attachment
    name = "CreateAttachment"
    writes = True
    content = True

    def body(self, newer: bool, /) -> str:
        return bytes(Body(*self.pieces(newer))).decode()

    def pieces(self, _newer: bool, /) -> tuple[Piece, ...]:
        return (
            f"<m:CreateAttachment><m:ParentItemId Id={attribute(self.item)}/><m:Attachments>",
            *self.attachment.pieces,
            "</m:Attachments></m:CreateAttachment>",
        )

    def answer(self, messages: Sequence[Element]) -> None:
        only(messages)


def _fields(element: Element, names: Sequence[str]) -> str:
    found = ((name, element.findtext(f"{T}{name}")) for name in names)
    return "".join(f"<t:{name}>{text(value)}</t:{name}>" for name, value in found if value)
