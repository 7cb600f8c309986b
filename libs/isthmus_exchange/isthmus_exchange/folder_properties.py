"""Properties of folders that mean the same in every mailbox: no counts, no times, no ids but one that is translated."""

from __future__ import annotations

from typing import NamedTuple


class FolderProperty(NamedTuple):
    """A property by its tag and type, as ExtendedFieldURI names them."""

    tag: int
    type: str


PROPERTIES = {
    # What people wrote about the folder.
    "Comment": FolderProperty(0x3004, "String"),
    # Not shown by Outlook.
    "AttributeHidden": FolderProperty(0x10F4, "Boolean"),
    # The class of a new item, where it is not that of the folder's kind.
    "DefaultPostMessageClass": FolderProperty(0x36E5, "String"),
    # How Outlook shows its counts, its colour and order: [MS-OXOCFG] 2.2.7.1.
    "ExtendedFolderFlags": FolderProperty(0x36DA, "Binary"),
    # Its default view, an associated item of it: [MS-OXOCFG] 2.2.6. An entry id, so it is named anew on the other side.
    "DefaultViewEntryId": FolderProperty(0x3616, "Binary"),
    # Retention: [MS-OXCMSG] 2.2.1.58. Tags keep their GUIDs where both organisations share them (Export-RetentionTags).
    "ArchiveTag": FolderProperty(0x3018, "Binary"),
    "PolicyTag": FolderProperty(0x3019, "Binary"),
    "RetentionPeriod": FolderProperty(0x301A, "Integer"),
    "RetentionFlags": FolderProperty(0x301D, "Integer"),
    "ArchivePeriod": FolderProperty(0x301E, "Integer"),
}
"""By the name of the property in [MS-OXPROPS], without PidTag."""


def path(name: str) -> str:
    """<t:ExtendedFieldURI> of a property."""
    tag, kind = PROPERTIES[name]
    return f'<t:ExtendedFieldURI PropertyTag="{tag:#06x}" PropertyType="{kind}"/>'
