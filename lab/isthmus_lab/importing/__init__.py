"""Real mail for the lab: .eml files, folders of them, mbox, Maildir and Outlook's PST, put into a running mailbox."""

from isthmus_lab.importing.entry import Entry
from isthmus_lab.importing.sources import SourceError, open_source
from isthmus_lab.importing.upload import Outcome, import_entries

__all__ = ["Entry", "Outcome", "SourceError", "import_entries", "open_source"]
