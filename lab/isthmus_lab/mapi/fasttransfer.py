"""A message as a FastTransfer stream: messageContent of [MS-OXCFXICS] 2.2.4.3.11, what ExportItems carries."""

from isthmus_lab.mapi.bag import Bag


def encode(bag: Bag) -> bytes:
    """The bag as a messageContent. ValueError names the property whose value does not fit its type."""
    raise NotImplementedError


def decode(data: bytes) -> Bag:
    """The bag of a messageContent; `decode(encode(bag)) == bag`.

    ValueError says what is wrong and at which byte: truncated, a length beyond the end, an unknown marker or type.
    """
    raise NotImplementedError
