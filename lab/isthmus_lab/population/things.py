"""What else lies in a mailbox: contacts and lists, tasks, notes, journal entries, and the hidden items of a folder."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from isthmus_lab.exchange.rules.model import Action, Kind, Rule, every, some
from isthmus_lab.exchange.rules.table import bag_of
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag, Properties, filetime
from isthmus_lab.population.copies import CATEGORIES, file_attachment
from isthmus_lab.population.files import File, picture
from isthmus_lab.population.parties import Party, one_off_entry_id
from isthmus_lab.population.people import OFFICES, Outsider
from isthmus_lab.population.text import Writer
from isthmus_lab.store import Contains

# A property only this company's software knows: what a replica must carry without understanding it.
CustomerNumber = tags.NamedProperty(tags.PS_PUBLIC_STRINGS, "X-Customer-Number", tags.PtypString)
# What people let rules do: what the subject must have one of, and the action.
RULES = {
    "Newsletter für später": (("Newsletter", "Rundbrief"), Action(Kind.MARK_AS_READ)),
    "To the project folder": (("Project Heron",), Action(Kind.TAG, tag=(tags.PidNameKeywords, [CATEGORIES[0]]))),
    "Rechnungen": (("Rechnungslauf", "Mahnung"), Action(Kind.TAG, tag=(tags.PidTagImportance, 2))),
}
PidTagViewDescriptorName = tags.tag(0x7006, tags.PtypString)
PidTagViewDescriptorVersion = tags.tag(0x7007, tags.PtypInteger32)


def _base(random: Random, item_class: str, subject: str, written: datetime) -> Properties:
    return {
        tags.PidTagMessageClass: item_class,
        tags.PidTagSubject: subject,
        tags.PidTagNormalizedSubject: subject,
        tags.PidTagMessageFlags: tags.MSGFLAG_READ,
        tags.PidTagImportance: 1,
        tags.PidTagSensitivity: 0,
        tags.PidTagCreationTime: filetime(written),
        tags.PidTagLastModificationTime: filetime(written),
        tags.PidTagSearchKey: random.randbytes(16),
    }


def contact(random: Random, somebody: Outsider, written: datetime) -> Bag:
    """A card in the Contacts folder, some with a photograph."""
    bag = Bag(_base(random, "IPM.Contact", somebody.display_name, written))
    bag.set(
        {
            tags.PidTagDisplayName: f"{somebody.given} {somebody.surname}",
            tags.PidTagGivenName: somebody.given,
            tags.PidTagSurname: somebody.surname,
            tags.PidTagCompanyName: somebody.company,
            tags.PidTagBusinessTelephoneNumber: f"+44 20 7946 {random.randint(100, 999):04}",
            tags.PidTagMobileTelephoneNumber: f"+49 151 5550{random.randint(1000, 9999)}",
            tags.PidLidFileUnder: f"{somebody.surname}, {somebody.given}",
            tags.PidLidEmail1AddressType: "SMTP",
            tags.PidLidEmail1EmailAddress: somebody.address,
            tags.PidLidEmail1DisplayName: f"{somebody.display_name} ({somebody.address})",
            tags.PidLidEmail1OriginalDisplayName: somebody.address,
            tags.PidLidEmail1OriginalEntryId: one_off_entry_id(somebody.display_name, somebody.address),
            tags.PidLidWorkAddressCity: random.choice(OFFICES),
            CustomerNumber: f"K-{random.randint(10000, 99999)}",
        }
    )
    if random.random() < 0.3:
        bag[tags.PidTagBirthday] = filetime(written.replace(year=random.randint(1950, 2000), day=random.randint(1, 28)))
    if random.random() < 0.3:
        photo = file_attachment(File("ContactPicture.png", "image/png", picture(random)))
        photo.properties[tags.PidTagAttachmentContactPhoto] = True
        bag[tags.PidLidHasPicture] = True
        bag.attachments.append(photo)
    return bag


def personal_list(random: Random, members: Sequence[Party], written: datetime) -> Bag:
    """A personal distribution list."""
    name = random.choice(("Skat", "Carpool", "Fußballrunde", "Les voisins", "Book club"))
    ids = [one_off_entry_id(each.name, each.address) for each in members]
    bag = Bag(_base(random, "IPM.DistList", name, written))
    bag.set(
        {
            tags.PidTagDisplayName: name,
            tags.PidLidFileUnder: name,
            tags.PidLidDistributionListName: name,
            tags.PidLidDistributionListMembers: list(ids),
            tags.PidLidDistributionListOneOffMembers: list(ids),
        }
    )
    return bag


def task(random: Random, owner: Party, writer: Writer, written: datetime) -> Bag:
    """Something to do, done, or half done."""
    done = random.choice((0.0, 0.0, 0.25, 0.5, 1.0))
    due = written + timedelta(days=random.randint(2, 60))
    bag = Bag(_base(random, "IPM.Task", writer.subject(), written))
    bag.set(
        {
            tags.PidTagBody: writer.paragraph(2),
            tags.PidLidTaskStatus: 2 if done == 1.0 else 1 if done else 0,
            tags.PidLidPercentComplete: done,
            tags.PidLidTaskComplete: done == 1.0,
            tags.PidLidTaskStartDate: filetime(written),
            tags.PidLidTaskDueDate: filetime(due),
            tags.PidLidCommonStart: filetime(written),
            tags.PidLidCommonEnd: filetime(due),
            tags.PidLidTaskOwner: owner.name,
            tags.PidLidTaskVersion: 1,
            tags.PidLidTaskState: 1,
            tags.PidLidTaskOwnership: 0,
            tags.PidLidTaskFRecurring: False,
            tags.PidLidTeamTask: False,
            tags.PidLidTaskEstimatedEffort: random.choice((0, 60, 480)),
            tags.PidLidReminderSet: False,
        }
    )
    if done == 1.0:
        bag[tags.PidLidTaskDateCompleted] = filetime(due)
    if random.random() < 0.3:
        bag[tags.PidNameKeywords] = [random.choice(CATEGORIES)]
    return bag


def note(random: Random, writer: Writer, written: datetime) -> Bag:
    """A sticky note: its first line is its subject."""
    text = writer.paragraph(random.choice((1, 2)))
    bag = Bag(_base(random, "IPM.StickyNote", text[:60], written))
    bag.set(
        {
            tags.PidTagBody: text,
            tags.PidTagIconIndex: 0x303,
            tags.PidLidNoteColor: random.randint(0, 4),
            tags.PidLidNoteWidth: 200,
            tags.PidLidNoteHeight: 166,
            tags.PidLidNoteX: random.randint(0, 800),
            tags.PidLidNoteY: random.randint(0, 600),
        }
    )
    return bag


def journal_entry(random: Random, writer: Writer, written: datetime) -> Bag:
    """A telephone call written down."""
    minutes = random.randint(1, 50)
    bag = Bag(_base(random, "IPM.Activity", writer.subject(), written))
    bag.set(
        {
            tags.PidTagBody: writer.paragraph(2),
            tags.PidLidLogType: "Phone call",
            tags.PidLidLogStart: filetime(written),
            tags.PidLidLogEnd: filetime(written + timedelta(minutes=minutes)),
            tags.PidLidLogDuration: minutes,
            tags.PidLidCommonStart: filetime(written),
            tags.PidLidCommonEnd: filetime(written + timedelta(minutes=minutes)),
        }
    )
    return bag


def forwarded_as_attachment(bag: Bag, inner: Bag) -> Bag:
    """The bag with another message inside, as Outlook attaches one."""
    subject = inner.get(tags.PidTagSubject, "")
    bag.attachments.append(
        Attachment(
            {
                tags.PidTagAttachMethod: tags.ATTACH_EMBEDDED,
                tags.PidTagDisplayName: subject,
                tags.PidTagAttachLongFilename: f"{subject[:40]}.msg",
                tags.PidTagRenderingPosition: -1,
            },
            embedded=inner,
        )
    )
    bag[tags.PidTagMessageFlags] = bag.get(tags.PidTagMessageFlags, 0) | tags.MSGFLAG_HASATTACH
    bag[tags.PidTagHasAttachments] = True
    return bag


# --- hidden (associated) items --------------------------------------------------------------------------------------


def category_list(random: Random, written: datetime) -> Bag:
    """The colours of the categories, in the Calendar folder ([MS-OXOCFG] 2.2.5)."""
    entries = "".join(
        f'<category name="{name}" color="{at}" keyboardShortcut="0"/>' for at, name in enumerate(CATEGORIES)
    )
    xml = f'<?xml version="1.0"?><categories default="{CATEGORIES[0]}" xmlns="CategoryList.xsd">{entries}</categories>'
    bag = Bag(_base(random, "IPM.Configuration.CategoryList", "IPM.Configuration.CategoryList", written))
    bag.set({tags.PidTagRoamingXmlStream: xml.encode(), tags.PidTagRoamingDatatypes: 2})
    return bag


def view_settings(random: Random, written: datetime) -> Bag:
    """How a folder is shown."""
    bag = Bag(_base(random, "IPM.Microsoft.FolderDesign.NamedView", "Compact", written))
    bag.set(
        {
            PidTagViewDescriptorName: "Compact",
            PidTagViewDescriptorVersion: 8,
            tags.tag(0x7001, tags.PtypBinary): struct.pack("<III", 8, 0, 1) + random.randbytes(40),
        }
    )
    return bag


def rule(random: Random, name: str, written: datetime) -> Bag:
    """An inbox rule as the server keeps it; it leaves mail where it is."""
    words, action = RULES[name]
    sequence = random.randint(10, 20)
    bag = bag_of(Rule(name, sequence, every([some(Contains(tags.PidTagSubject, word) for word in words)]), (action,)))
    bag.set(_base(random, bag[tags.PidTagMessageClass], name, written))
    return bag
