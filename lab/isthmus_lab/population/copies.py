"""A letter's copies: the bag in the sender's Sent Items, and one in the mailbox of everybody who received it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, filetime
from isthmus_lab.population.files import File
from isthmus_lab.population.letters import Letter
from isthmus_lab.population.parties import Party, receiver_properties, recipient, sender_properties

CATEGORIES = ("Blue category", "Green category", "Projekt", "À relire", "Waiting for an answer")
_UTF8 = 65001


@dataclass(frozen=True)
class Written:
    """A letter turned into what all its copies share."""

    letter: Letter
    properties: Properties
    recipients: list[Properties]
    attachments: list[Attachment]

    @classmethod
    def of(cls, letter: Letter) -> Written:
        to, cc = ("; ".join(each.name for each in group) for group in (letter.to, letter.cc))
        properties: Properties = {
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: letter.subject,
            tags.PidTagSubjectPrefix: letter.prefix,
            tags.PidTagNormalizedSubject: letter.topic,
            tags.PidTagConversationTopic: letter.topic,
            tags.PidTagConversationIndex: letter.conversation_index,
            tags.PidTagImportance: letter.importance,
            tags.PidTagPriority: letter.importance - 1,
            tags.PidTagSensitivity: 0,
            tags.PidTagClientSubmitTime: filetime(letter.sent),
            tags.PidTagCreationTime: filetime(letter.sent),
            tags.PidTagDisplayTo: to,
            tags.PidTagDisplayCc: cc,
            tags.PidTagDisplayBcc: "",
            tags.PidTagInternetMessageId: letter.message_id,
            tags.PidTagInternetCodepage: _UTF8,
            tags.PidTagBody: letter.text,
            tags.PidTagNativeBody: 1 if letter.html is None else 3,
            tags.PidTagMessageLocaleId: {"de": 1031, "fr": 1036, "es": 3082}.get(letter.language, 2057),
            tags.PidTagHasAttachments: bool(letter.files),
            **sender_properties(letter.sender),
        }
        if letter.html is not None:
            properties[tags.PidTagHtml] = letter.html.encode()
        if letter.references:
            properties[tags.PidTagInReplyToId] = letter.references[-1]
            properties[tags.PidTagInternetReferences] = " ".join(letter.references)
            properties[tags.PidTagIconIndex] = 0x105  # answered
        recipients = [recipient(each) for each in letter.to]
        recipients += [recipient(each, tags.RECIPIENT_CC) for each in letter.cc]
        attachments = [file_attachment(each) for each in letter.files]
        attachments += [_shown(cid, file) for cid, file in letter.pictures]
        return cls(letter, properties, recipients, attachments)

    def sent_copy(self, random: Random) -> Bag:
        """For Sent Items."""
        bag = self._copy(random)
        bag[tags.PidTagMessageFlags] = tags.MSGFLAG_READ | tags.MSGFLAG_FROMME | self._has_files
        bag[tags.PidTagMessageDeliveryTime] = filetime(self.letter.sent)
        bag[tags.PidTagLastModificationTime] = filetime(self.letter.sent)
        return bag

    def received_copy(self, random: Random, reader: Party, *, read: bool) -> Bag:
        """For the mailbox of `reader`: some are flagged, categorised, or were answered."""
        arrived = self.letter.sent + timedelta(seconds=random.randint(2, 90))
        bag = self._copy(random)
        bag.properties.update(receiver_properties(reader))
        bag[tags.PidTagMessageFlags] = (tags.MSGFLAG_READ if read else 0) | self._has_files
        bag[tags.PidTagMessageDeliveryTime] = filetime(arrived)
        bag[tags.PidTagLastModificationTime] = filetime(arrived)
        bag[tags.PidTagTransportMessageHeaders] = self.letter.headers
        if read and random.random() < 0.06:
            bag[tags.PidTagFlagStatus] = random.choice((1, 2))
            bag[tags.PidLidFlagRequest] = "Follow up"
            bag[tags.PidTagFollowupIcon] = 6
        if read and random.random() < 0.08:
            bag[tags.PidNameKeywords] = sorted(random.sample(CATEGORIES, random.choice((1, 1, 2))))
        return bag

    @property
    def _has_files(self) -> int:
        return tags.MSGFLAG_HASATTACH if self.letter.files else 0

    def _copy(self, random: Random) -> Bag:
        bag = Bag(dict(self.properties), list(self.recipients), list(self.attachments))
        bag[tags.PidTagSearchKey] = random.randbytes(16)
        return bag


def file_attachment(file: File) -> Attachment:
    """A file as people attach one."""
    stem, _, extension = file.name.rpartition(".")
    return Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagAttachLongFilename: file.name,
            tags.PidTagAttachFilename: f"{stem[:8]}.{extension[:3]}",
            tags.PidTagAttachExtension: f".{extension}",
            tags.PidTagDisplayName: file.name,
            tags.PidTagAttachMimeTag: file.mime_type,
            tags.PidTagAttachDataBinary: file.content,
            tags.PidTagRenderingPosition: -1,
            tags.PidTagAttachmentFlags: 0,
            tags.PidTagAttachmentHidden: False,
        }
    )


def _shown(cid: str, file: File) -> Attachment:
    attachment = file_attachment(file)
    attachment.properties[tags.PidTagAttachContentId] = cid
    attachment.properties[tags.PidTagAttachFlags] = tags.ATTACH_MHTML_REFERENCE
    attachment.properties[tags.PidTagAttachmentHidden] = True
    return attachment
