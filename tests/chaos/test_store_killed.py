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
from isthmus_lab.store import Delete, Store
mailbox = Store(Path(sys.argv[1])).mailbox(UUID(int=7))
inbox, drafts = (mailbox.folders.role(role).id for role in ("inbox", "drafts"))
for batch in range(1_000_000):
    with mailbox.transaction():
        for number in range(5):  # small and large ones by turns
            body = "x" * (200, 20_000)[number % 2]
            mailbox.items.add(inbox, Bag({tags.PidTagSubject: f"{batch}.{number}", tags.PidTagBody: body}))
        mailbox.items.delete([row.id for row in mailbox.items.find(drafts).rows], Delete.HARD)
        mailbox.items.add(drafts, Bag({tags.PidTagSubject: "draft", tags.PidTagBody: "y" * 30_000}))
    print(batch, flush=True)
"""


def check(folder: Path, at_least: int) -> int:
    """Everything is there and whole, and nothing else takes place on the disk. Returns how many batches."""
    store = Store(folder)
    mailbox = store.mailbox(GUID, create=False)
    inbox, drafts = mailbox.folders.role("inbox"), mailbox.folders.role("drafts")
    rows = mailbox.items.find(inbox.id).rows
    assert inbox.total == len(rows) and len(rows) % 5 == 0
    # The batch whose commit was done but not yet said may be there too.
    assert at_least <= len(rows) // 5 <= at_least + 1
    for row in rows:
        assert len(mailbox.items.get(row.id).bag[tags.PidTagBody]) == (200, 20_000)[int(row.subject[-1]) % 2]
    (draft,) = mailbox.items.find(drafts.id).rows
    assert mailbox.items.get(draft.id).bag[tags.PidTagBody] == "y" * 30_000
    assert mailbox.size == sum(row.size for row in (*rows, draft))
    large = [row.size for row in (*rows, draft) if row.size > 16_384]
    contents = (folder / f"{GUID}.contents").stat()
    assert contents.st_blocks * 512 <= sum(large) + 8_192 * len(large)  # whole blocks, and what the disk notes of holes
    assert contents.st_size >= sum(large)
    store.close()
    return len(rows) // 5


def test_kill_loses_nothing_committed(tmp_path: Path) -> None:
    committed = 0
    for round_ in range(5):
        folder = tmp_path / "store"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(3 + 7 * round_):
            assert writer.stdout.readline()
        writer.kill()
        said = 3 + 7 * round_ + len(writer.stdout.readlines())
        writer.wait()
        writer.stdout.close()
        subprocess.run(["cp", "-a", folder, tmp_path / f"copy{round_}"], check=True)  # a copy of it is as good
        found = check(folder, committed + said)
        assert check(tmp_path / f"copy{round_}", found) == found
        committed = found
