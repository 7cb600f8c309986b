"""The store's process is killed in the middle of its work: what it had committed is there, and nothing half."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.store import Store

GUID = UUID(int=7)
WRITER = """
import sys
from pathlib import Path
from uuid import UUID
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import Store
mailbox = Store(Path(sys.argv[1])).mailbox(UUID(int=7))
inbox = mailbox.folders.role("inbox").id
for batch in range(1_000_000):
    with mailbox.transaction():
        for number in range(5):
            mailbox.items.add(inbox, Bag({tags.PidTagSubject: f"{batch}.{number}", tags.PidTagBody: "x" * 20_000}))
    print(batch, flush=True)
"""


def test_kill_loses_nothing_committed(tmp_path: Path) -> None:
    committed = 0
    for round_ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(3 + 7 * round_):
            assert writer.stdout.readline()
        writer.kill()
        said = 3 + 7 * round_ + len(writer.stdout.readlines())
        writer.wait()
        writer.stdout.close()
        store = Store(tmp_path)
        mailbox = store.mailbox(GUID, create=False)
        inbox = mailbox.folders.role("inbox")
        rows = mailbox.items.find(inbox.id).rows
        assert inbox.total == len(rows) and len(rows) % 5 == 0
        # The batch whose commit was done but not yet said may be there too.
        assert committed + said <= len(rows) // 5 <= committed + said + 1
        committed = len(rows) // 5
        assert all(len(mailbox.items.get(row.id).bag[tags.PidTagBody]) == 20_000 for row in rows)
        assert mailbox.size == sum(row.size for row in rows)
        store.close()
