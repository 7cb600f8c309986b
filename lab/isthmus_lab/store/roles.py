"""The distinguished folders every mailbox is born with, and what they are called in a person's language."""

from typing import NamedTuple


class Role(NamedTuple):
    role: str  # the EWS DistinguishedFolderId
    parent: str | None
    container_class: str
    en: str
    de: str = ""
    fr: str = ""


ROLES = (
    Role("root", None, "", "Root"),
    Role("msgfolderroot", "root", "IPF", "Top of Information Store", "Informationsspeicher", "Banque d'informations"),
    Role("searchfolders", "root", "", "Finder"),
    Role("recoverableitemsroot", "root", "", "Recoverable Items"),
    Role("recoverableitemsdeletions", "recoverableitemsroot", "", "Deletions"),
    Role("recoverableitemsversions", "recoverableitemsroot", "", "Versions"),
    Role("recoverableitemspurges", "recoverableitemsroot", "", "Purges"),
    Role("inbox", "msgfolderroot", "IPF.Note", "Inbox", "Posteingang", "Boîte de réception"),
    Role("outbox", "msgfolderroot", "IPF.Note", "Outbox", "Postausgang", "Boîte d'envoi"),
    Role("sentitems", "msgfolderroot", "IPF.Note", "Sent Items", "Gesendete Elemente", "Éléments envoyés"),
    Role("deleteditems", "msgfolderroot", "IPF.Note", "Deleted Items", "Gelöschte Elemente", "Éléments supprimés"),
    Role("drafts", "msgfolderroot", "IPF.Note", "Drafts", "Entwürfe", "Brouillons"),
    Role("junkemail", "msgfolderroot", "IPF.Note", "Junk Email", "Junk-E-Mail", "Courrier indésirable"),
    Role("calendar", "msgfolderroot", "IPF.Appointment", "Calendar", "Kalender", "Calendrier"),
    Role("contacts", "msgfolderroot", "IPF.Contact", "Contacts", "Kontakte", "Contacts"),
    Role("tasks", "msgfolderroot", "IPF.Task", "Tasks", "Aufgaben", "Tâches"),
    Role("notes", "msgfolderroot", "IPF.StickyNote", "Notes", "Notizen", "Notes"),
    Role("journal", "msgfolderroot", "IPF.Journal", "Journal"),
)

# Those of a mailbox of public folders; what is deleted there is kept in a dumpster of its own.
PUBLIC_ROLES = (
    Role("root", None, "", "Root"),
    Role("publicfoldersroot", "root", "IPF", "IPM_SUBTREE"),
    Role("nonipmsubtree", "root", "IPF", "NON_IPM_SUBTREE"),
    Role("recoverableitemsroot", "nonipmsubtree", "", "DUMPSTER_ROOT"),
    Role("recoverableitemsdeletions", "recoverableitemsroot", "", "DUMPSTER_EXTEND"),
    Role("deleteditems", "recoverableitemsroot", "", "RESERVED_1"),
)

# The archive is a mailbox of its own with the same folders; the EWS names of those that a client may ask it for.
ARCHIVE_ROLES = {
    f"archive{role}": role
    for role in (
        "root",
        "msgfolderroot",
        "inbox",
        "deleteditems",
        "recoverableitemsroot",
        "recoverableitemsdeletions",
        "recoverableitemsversions",
        "recoverableitemspurges",
    )
}


def name(role: Role, locale: str) -> str:
    """The folder's display name in the language of a locale ("de", "de-CH"); English where it has none."""
    language = locale.split("-")[0].lower()
    return {"de": role.de, "fr": role.fr}.get(language) or role.en
