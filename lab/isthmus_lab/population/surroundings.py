"""What surrounds the mail of a population: who may look into whose folders, delegates, deleted items, archives, and how
people look at their mail.
"""

from __future__ import annotations

from random import Random
from typing import Final

from lxml import etree

from isthmus_lab.exchange import delegates as kept
from isthmus_lab.exchange.delegates import Delegate, Delegation, Delivery
from isthmus_lab.exchange.ews import search_folders
from isthmus_lab.exchange.ews.names import TYPES
from isthmus_lab.mapi import tags
from isthmus_lab.organisation import Organisation
from isthmus_lab.population.parties import insider, recipient
from isthmus_lab.population.people import Person, Population, delegates
from isthmus_lab.population.seeds import seeded
from isthmus_lab.store import DEFAULT, SEARCH, Ace, Compare, Mailbox, Rights, Store

_UNREAD: Final = f"""<t:Restriction xmlns:t="{TYPES}"><t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/>
<t:FieldURIOrConstant><t:Constant Value="false"/></t:FieldURIOrConstant></t:IsEqualTo></t:Restriction>"""
_READS: Final = Rights.READ_ANY | Rights.VISIBLE
_TIMES: Final = Rights.FREE_BUSY_SIMPLE
_SUBJECTS: Final = _TIMES | Rights.FREE_BUSY_DETAILED


def surround(store: Store, population: Population, seed: int) -> None:
    """Gives permissions and delegates to the people of a population, and fills dumpsters and archives with copies of
    what their mailboxes have. The same seed gives the same.
    """
    acting = delegates(population)
    working = [person for person in population.people if not person.also_in_alpha]
    for person in working:
        random = seeded("surroundings", seed, population.organisation.name, person.alias)
        mailbox = store.mailbox(person.mailbox, locale=person.language)
        with mailbox.transaction():
            _share(random, population.organisation, mailbox, person, working)
            if person.alias in acting:
                _appoint(random, population.organisation, mailbox, acting[person.alias])
            deleted = mailbox.items.find(mailbox.folders.role("deleteditems").id).rows
            gone = [row.id for row in deleted if random.random() < 0.3]
            mailbox.items.copy(gone, mailbox.folders.role("recoverableitemsdeletions").id)
            _look(mailbox)
        if person.archive is not None:
            _archive(random, mailbox, store.mailbox(person.archive, locale=mailbox.locale))


def _share(random: Random, organisation: Organisation, mailbox: Mailbox, person: Person, working: list[Person]) -> None:
    """The calendar for everybody or for some colleagues; now and then another folder too."""
    everybody = random.choice((_TIMES, _TIMES, _TIMES, _SUBJECTS, _READS | _SUBJECTS))
    aces = [Ace(b"", "", everybody, DEFAULT)]
    colleagues = [each for each in working if each.department == person.department and each is not person]
    for each in random.sample(colleagues, min(len(colleagues), random.choice((0, 1, 1, 2)))):
        level = random.choice((_READS, _READS, Rights.AUTHOR, Rights.EDITOR))
        aces.append(_ace(organisation, each, level | _SUBJECTS))
    mailbox.permissions.set(mailbox.folders.role("calendar").id, aces)
    if colleagues and random.random() < 0.2:
        role = random.choice(("contacts", "tasks", "inbox"))
        mailbox.permissions.set(mailbox.folders.role(role).id, [_ace(organisation, random.choice(colleagues), _READS)])


def _ace(organisation: Organisation, person: Person, rights: Rights) -> Ace:
    party = insider(organisation, person)
    return Ace(party.entry_id, party.name, rights)


def _appoint(random: Random, organisation: Organisation, mailbox: Mailbox, acting: tuple[Person, ...]) -> None:
    """Delegates with rights on the calendar, who get meeting requests beside their manager."""
    parties = [insider(organisation, person) for person in acting]
    appointed = tuple(
        Delegate(each.entry_id, each.name, random.random() < 0.3, gets_copies=True, address=recipient(each))
        for each in parties
    )
    kept.write(mailbox, Delegation(appointed, random.choice((Delivery.BOTH, Delivery.DELEGATES_AND_INFORMATION))))
    for role, rights in (("calendar", Rights.EDITOR | _SUBJECTS), ("tasks", Rights.EDITOR), ("inbox", _READS)):
        folder = mailbox.folders.role(role).id
        others = [ace for ace in mailbox.permissions.of(folder) if ace.entry_id not in {p.entry_id for p in parties}]
        mailbox.permissions.set(folder, [*others, *(Ace(each.entry_id, each.name, rights) for each in parties)])
    place = kept.folder(mailbox)
    mailbox.permissions.set(place, [Ace(each.entry_id, each.name, Rights.EDITOR) for each in parties])


def _look(mailbox: Mailbox) -> None:
    """A search folder for unread mail, and the inbox as its view shows it."""
    inbox, finder = mailbox.folders.role("inbox"), mailbox.folders.role("searchfolders")
    unread = search_folders.written(mailbox, etree.fromstring(_UNREAD), [inbox], "Deep")
    mailbox.folders.create(finder.id, "Unread Mail", "IPF.Note", {SEARCH: unread})
    of_view = Compare(tags.PidTagMessageClass, "=", "IPM.Microsoft.FolderDesign.NamedView")
    for view in mailbox.items.find(inbox.id, of_view, associated=True, limit=1).rows:
        mailbox.folders.update(inbox.id, properties={tags.PidTagDefaultViewEntryId: view.id})


def _archive(random: Random, mailbox: Mailbox, archive: Mailbox) -> None:
    """Old mail, in a folder for each year."""
    old = sorted(mailbox.items.find(mailbox.folders.role("sentitems").id).rows, key=lambda row: row.sent)
    top = archive.folders.role("msgfolderroot").id
    with archive.transaction():
        for row in old[: len(old) // 3]:
            folder = archive.folders.path(top, [str(random.choice((2018, 2019, 2020)))])
            archive.items.upload(folder.id, mailbox.items.content(row.id))
