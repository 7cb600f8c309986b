"""Public folders of an organisation: their mailboxes, a tree grown over years, what lies in it, who may do what.

The accounts of the mailboxes are in CN=Users and the objects of mail-enabled folders among Exchange's system objects,
as Exchange puts them: nobody who looks for people finds them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from isthmus_lab.forests.objects import Entry
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.addresses import address_book_entry_id
from isthmus_lab.mapi.bag import Bag, Properties, filetime
from isthmus_lab.organisation import Organisation
from isthmus_lab.population import things
from isthmus_lab.population.parties import insider
from isthmus_lab.population.people import Population
from isthmus_lab.population.recipients import EXCHANGE_2016, legacy_exchange_dn
from isthmus_lab.population.seeds import seeded
from isthmus_lab.population.text import Writer
from isthmus_lab.population.words import PROJECTS
from isthmus_lab.store import DEFAULT, Ace, Folder, Mailbox, Rights, Store
from isthmus_lab.store.hierarchy import follow
from isthmus_lab.store.ids import Ids
from isthmus_lab.store.roles import PUBLIC_ROLES

PUBLIC_FOLDER_MAILBOX, PUBLIC_FOLDER = "68719476736", "4096"  # msExchRecipientTypeDetails
_DISABLED = str(0x202 | 0x10000)  # userAccountControl


@dataclass(frozen=True)
class PublicMailbox:
    """A mailbox of public folders; the first of an organisation has the tree that is written."""

    name: str
    alias: str
    address: str
    guid: uuid.UUID


@dataclass(frozen=True)
class PublicFolder:
    """``content`` is the number of the mailbox with its items; ``address`` is there for a mail-enabled one."""

    path: tuple[str, ...]
    container_class: str = "IPF.Note"
    content: int = 0
    share: float = 1.0
    address: str | None = None
    closed: bool = False
    """Whether only one department sees it."""


def mailboxes(organisation: Organisation) -> list[PublicMailbox]:
    """The tree's, and one for content."""
    return [
        PublicMailbox(
            name,
            name.replace(" ", ""),
            f"{name.replace(' ', '')}@{organisation.mail_domain}",
            uuid.uuid5(uuid.NAMESPACE_DNS, f"{name.replace(' ', '')}.{organisation.mail_domain}"),
        )
        for name in ("PF Hierarchy", "PF Content 1")
    ]


def tree(population: Population, seed: int) -> list[PublicFolder]:
    """Parents before children; names that are used twice, folders in folders of the same name, and old ones."""
    random = seeded("public folders", seed, population.organisation.name)
    domain = population.organisation.mail_domain
    departments = sorted({person.department for person in population.people if not person.also_in_alpha})
    found = [
        PublicFolder(("Company",), share=0.5),
        PublicFolder(("Company", "News"), content=1, address=f"news@{domain}"),
        PublicFolder(("Company", "Holidays & absences"), "IPF.Appointment", 1, 0.6),
        PublicFolder(("Company", "Suppliers"), "IPF.Contact", 1, 1.5),
        PublicFolder(("Departments",), share=0.0),
    ]
    for department in departments:
        top = ("Departments", department)
        found.append(PublicFolder(top, share=0.4, closed=random.random() < 0.3))
        found.append(PublicFolder((*top, "Inbox"), content=1, address=_address(department, domain)))
        found.append(PublicFolder((*top, "Tasks"), "IPF.Task", 1, 0.5))
    found.append(PublicFolder(("Projects",), share=0.0))
    for project in random.sample(PROJECTS, min(4, len(PROJECTS))):
        found.append(PublicFolder(("Projects", project), content=random.randint(0, 1)))
        found.append(PublicFolder(("Projects", project, project), content=1, share=0.3))
    found.append(PublicFolder(("zz old – do not use",), share=0.0))
    found.append(PublicFolder(("zz old – do not use", "Company"), share=2.0))
    return found


def entries(population: Population, seed: int) -> Iterator[Entry]:
    """The directory objects; the mailbox with the tree comes first and so is the oldest."""
    organisation = population.organisation
    for each in mailboxes(organisation):
        yield Entry(
            f"CN={each.name},CN=Users,{organisation.base}",
            {
                "objectClass": ["user"],
                "sAMAccountName": [each.alias],
                "userPrincipalName": [f"{each.alias}@{organisation.realm}"],
                "userAccountControl": [_DISABLED],
                **_recipient(organisation, each.name, each.alias, each.address),
                "homeMDB": [organisation.mailbox_database],
                "msExchHomeServerName": [organisation.legacy_server],
                "msExchMailboxGuid": [each.guid.bytes_le],
                "msExchRecipientTypeDetails": [PUBLIC_FOLDER_MAILBOX],
                "msExchHideFromAddressLists": ["TRUE"],
                "msExchDelegateListLink": [organisation.isthmus_dn],
            },
        )
    place = f"CN=Microsoft Exchange System Objects,{organisation.base}"
    yield Entry(place, {"objectClass": ["container"]})
    ids = Ids(uuid.UUID(int=0), mailboxes(organisation)[0].guid, public=True)
    for number, folder in enumerate(tree(population, seed), start=len(PUBLIC_ROLES) + 1):
        if folder.address is None:
            continue
        alias, content = folder.address.partition("@")[0], mailboxes(organisation)[folder.content]
        yield Entry(
            f"CN={alias},{place}",
            {
                "objectClass": ["publicFolder"],
                **_recipient(organisation, " ".join(folder.path[-2:]), alias, folder.address),
                "msExchRecipientTypeDetails": [PUBLIC_FOLDER],
                "msExchPublicFolderEntryId": [ids.folder(number).hex().upper()],
                "msExchPublicFolderMailbox": [f"CN={content.name},CN=Users,{organisation.base}"],
            },
        )


def fill_public_folders(store: Store, population: Population, items: int, seed: int, today: date) -> int:
    """Writes the tree and about `items` items; returns how many."""
    organisation = population.organisation
    known = mailboxes(organisation)
    opened = [store.public(each.guid, known[0].guid) for each in known]
    writable, folders = opened[0], tree(population, seed)
    made: dict[tuple[str, ...], Folder] = {(): writable.folders.role("publicfoldersroot")}
    with writable.transaction():
        for folder in folders:  # all of them first: the numbers in their ids are known to the directory
            replica: Properties = {tags.PidTagReplicaList: f"{known[folder.content].guid}\0".encode()}
            parent = made[folder.path[:-1]]
            made[folder.path] = writable.folders.create(parent.id, folder.path[-1], folder.container_class, replica)
        for folder in folders:
            writable.permissions.set(made[folder.path].id, _rights(population, folder, seed))
    for other in opened[1:]:
        follow(writable, other)
    shares, written = sum(each.share for each in folders), 0
    for folder in folders:
        count = round(items * folder.share / shares)
        written += _write(opened[folder.content], made[folder.path], population, folder, count, today, seed)
    return written


def _write(
    mailbox: Mailbox, folder: Folder, population: Population, what: PublicFolder, count: int, today: date, seed: int
) -> int:
    random = seeded("public items", seed, population.organisation.name, *what.path)
    now = datetime.combine(today, time(7), UTC)
    with mailbox.transaction():
        for _ in range(count):
            mailbox.items.add(folder.id, _item(random, population, what, now - timedelta(days=random.uniform(0, 1500))))
    return count


def _item(random: Random, population: Population, what: PublicFolder, written: datetime) -> Bag:
    people = [each for each in population.people if not each.also_in_alpha]
    author = insider(population.organisation, random.choice(people))
    writer = Writer.start(random, author.language)
    if what.container_class == "IPF.Contact" and population.outsiders:
        return things.contact(random, random.choice(population.outsiders), written)
    if what.container_class == "IPF.Task":
        return things.task(random, author, writer, written)
    item_class = "IPM.Appointment" if what.container_class == "IPF.Appointment" else "IPM.Post"
    subject, moment = writer.subject(), filetime(written)
    bag = Bag(
        {
            tags.PidTagMessageClass: item_class,
            tags.PidTagSubject: subject,
            tags.PidTagNormalizedSubject: subject,
            tags.PidTagConversationTopic: subject,
            tags.PidTagMessageFlags: tags.MSGFLAG_READ,
            tags.PidTagBody: "\r\n\r\n".join(writer.paragraphs(reply=False)),
            tags.PidTagCreationTime: moment,
            tags.PidTagLastModificationTime: moment,
            tags.PidTagClientSubmitTime: moment,
            tags.PidTagMessageDeliveryTime: moment,
            tags.PidTagSearchKey: random.randbytes(16),
            tags.PidTagSentRepresentingName: author.name,
            tags.PidTagSentRepresentingAddressType: author.kind,
            tags.PidTagSentRepresentingEmailAddress: author.email,
            tags.PidTagSentRepresentingSmtpAddress: author.address,
        }
    )
    if item_class == "IPM.Appointment":
        end = filetime(written + timedelta(days=random.randint(1, 14)))
        bag.set(
            {
                tags.PidLidAppointmentStartWhole: moment,
                tags.PidLidAppointmentEndWhole: end,
                tags.PidLidCommonStart: moment,
                tags.PidLidCommonEnd: end,
                tags.PidLidBusyStatus: 3,
            }
        )
    return bag


def _rights(population: Population, folder: PublicFolder, seed: int) -> list[Ace]:
    """Everybody is an author, in a closed folder nobody but those of the department; somebody owns it."""
    random = seeded("public rights", seed, population.organisation.name, *folder.path)
    people = [each for each in population.people if not each.also_in_alpha]
    own = [each for each in people if each.department in folder.path]
    aces = [Ace(b"", "", Rights.NONE if folder.closed else Rights.AUTHOR, DEFAULT)]
    owner = random.choice(own or people)
    given: Mapping[str, Rights] = {each.alias: Rights.EDITOR for each in own if folder.closed}
    for person in people:
        rights = Rights.EVERYTHING if person == owner else given.get(person.alias)
        if rights is not None:
            party = insider(population.organisation, person)
            aces.append(Ace(address_book_entry_id(party.legacy_dn or ""), party.name, rights))
    return aces


def _address(department: str, domain: str) -> str:
    plain = department.encode("ascii", "ignore").decode().lower()
    return f"{'-'.join(plain.replace('&', ' ').split())}-folder@{domain}"


def _recipient(organisation: Organisation, name: str, alias: str, address: str) -> dict[str, list[str]]:
    return {
        "displayName": [name],
        "mailNickname": [alias],
        "mail": [address],
        "proxyAddresses": [f"SMTP:{address}"],
        "legacyExchangeDN": [legacy_exchange_dn(organisation, alias)],
        "msExchVersion": [EXCHANGE_2016],
    }
