"""UploadItems ([MS-OXWSBTRF] 3.1.4.2): exported streams become items.

It is not idempotent: an answer that does not come must be followed by a look at the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..client import Mailbox
from ..errors import EwsError
from ..model import ItemRef
from ..names import M
from ..soap import attribute, check, child, response_messages


@dataclass(frozen=True, slots=True)
class Upload:
    """A stream for a folder. With ``replaces`` it takes the place of that item, which must be in the folder."""

    folder: str
    data: bytes
    """Base64, as ExportItems gave it."""
    associated: bool = False
    replaces: str | None = None


async def upload_items(mailbox: Mailbox, uploads: Sequence[Upload]) -> list[ItemRef | EwsError]:
    """For each upload, in order: the item that it became, or why it did not.

    Raises TransientError when nothing was carried out, InDoubtError when anything may have been.
    """
    parts = [b"<m:UploadItems><m:Items>"]
    for upload in uploads:
        action = "Update" if upload.replaces else "CreateNew"
        item = f"<t:ItemId Id={attribute(upload.replaces)}/>" if upload.replaces else ""
        parts += (
            f'<t:Item CreateAction="{action}" IsAssociated="{str(upload.associated).lower()}">'
            f"<t:ParentFolderId Id={attribute(upload.folder)}/>{item}<t:Data>".encode(),
            upload.data,
            b"</t:Data></t:Item>",
        )
    parts.append(b"</m:Items></m:UploadItems>")
    root = await mailbox.write("UploadItems", b"".join(parts))
    answers: list[ItemRef | EwsError] = []
    for message in response_messages(root):
        error = check(message)
        if error is not None:
            answers.append(error)
            continue
        found = child(message, f"{M}ItemId")
        answers.append(ItemRef(found.get("Id", ""), found.get("ChangeKey", "")))
    if len(answers) != len(uploads):
        raise ValueError(f"{len(uploads)} items were uploaded, {len(answers)} answered")
    return answers
