"""People at work: a program that sends, answers, reads, files, edits, deletes and books in both organisations.

Everybody works in the mailbox that is theirs today: the one whose directory object has no targetAddress. What they do
is in a journal, one JSON object a line, so that a test can look for every message where it should be:

{"time": "2024-…Z", "action": "sent", "message_id": "<…>", "from": address, "to": [addresses], "subject": …,
 "organisation": the one it was sent from}            "unsure" instead of "sent": the answer was lost, it may be sent
{"time": …, "action": "read" | "filed" | "edited" | "deleted" | "booked" | "refused", "mailbox": address,
 "organisation": …, "what": …}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from isthmus_lab.program import Program


def journal_file(folder: Path) -> Path:
    """Where the people of the lab in `folder` keep their journal."""
    return folder / "people" / "journal.jsonl"


def program(folder: Path, lab_record: Path, actions_per_minute: float) -> Program:
    """The people of the lab in `folder`, whose lab.json is `lab_record`."""
    place = folder / "people"
    place.mkdir(parents=True, exist_ok=True)
    config = place / "people.json"
    values = {"lab": str(lab_record), "journal": str(journal_file(folder)), "actions_per_minute": actions_per_minute}
    config.write_text(json.dumps(values, indent=2))
    return Program(
        name="people",
        command=(sys.executable, "-m", "isthmus_lab.people", "--config", str(config)),
        folder=place,
        ready=lambda: None if journal_file(folder).exists() else "the people have not come to work yet",
    )
