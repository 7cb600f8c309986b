"""Internet mail turned into a bag and back, after [MS-OXCMAIL]."""

from isthmus_lab.mapi.bag import Bag


def bag_from_mime(data: bytes) -> Bag:
    """The message as a bag; never fails: what cannot be decoded is kept as well as can be.

    Sets class (IPM.Note, IPM.Schedule.Meeting.Request …), subject and its prefix, sender and represented sender,
    recipients, dates, Message-ID, In-Reply-To, References, conversation topic and index, bodies (PidTagBody,
    PidTagHtml in UTF-8 with PidTagInternetCodepage 65001), transport headers, attachments (inline ones with
    PidTagAttachContentId), embedded messages. Not set: search key, message flags, delivery time; the store does.
    """
    raise NotImplementedError


def mime_from_bag(bag: Bag) -> bytes:
    """The bag as an internet message with CRLF line ends; Bcc recipients are named only on a draft."""
    raise NotImplementedError
