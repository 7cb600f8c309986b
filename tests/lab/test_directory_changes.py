"""What changed in a real forest: by DirSync, by uSNChanged where the right is missing, and at once by notification."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from isthmus_directory import Bookmark, BookmarkUnusable, Forest, WriteRefused, changes, create, here, modify, notify
from isthmus_directory import read_guids as read
from isthmus_project import Project
from isthmus_sync.directory import DirectoryObject, Modification
from isthmus_sync.directory.creation import Creation
from isthmus_sync.directory.objects import as_values

from tests.lab.directories import Directories
from tests.plugins.forests import Forests, Units

ATTRIBUTES = ["displayName", "member", "proxyAddresses"]


@pytest.fixture
def directories(forests: Forests, units: Units, tmp_path: Path) -> Directories:
    return Directories(forests, units, tmp_path)


def _without_the_right(project: Project, directories: Directories, forests: Forests) -> Project:
    """The same project with an account that may read recipients but not replication changes."""
    document = project.model_dump(mode="json")
    document["source"]["directory"]["user"] = forests.alpha.organisation.exchange_account
    (directories.secrets / "alpha-password").write_text(forests.service_passwords.exchange)
    return Project.model_validate(document)


@pytest.mark.parametrize("way", ["dirsync", "usn"])
async def test_only_what_changed_is_told(directories: Directories, forests: Forests, way: str) -> None:
    project = directories.project()
    if way == "usn":
        project = _without_the_right(project, directories, forests)
    alpha = directories.alpha
    anna, group = alpha.add_mailbox("anna", "Anna"), alpha.add_group("staff", [])
    async with Forest(project.source, directories.secrets) as forest:
        bookmark = Bookmark.from_json((await here(forest)).to_json())
        assert bookmark.way == way
        alpha.change(anna, displayName="Änne")
        alpha.add_values(group, member=[anna])
        came = await changes(forest, bookmark, ATTRIBUTES)
        objects = {obj.dn: obj for obj in await read(forest, came.changed, ATTRIBUTES)}
        assert {anna, group} <= objects.keys()
        assert objects[anna].text("displayName") == "Änne"
        assert [link.guid for link in objects[group].linked("member")] == [objects[anna].guid]
        assert (await changes(forest, came.bookmark, ATTRIBUTES)).changed == {}
        with pytest.raises(BookmarkUnusable, match="was restored from a backup"):
            future = Bookmark(bookmark.way, bookmark.cookie, bookmark.invocation, bookmark.usn + 1_000_000)
            await changes(forest, future, ATTRIBUTES)


async def test_notification_wakes_up(directories: Directories) -> None:
    async with Forest(directories.project().source, directories.secrets) as forest:
        changed, wanted = asyncio.Event(), asyncio.Event()
        listening = asyncio.create_task(notify(forest, changed, wanted))
        anna = directories.alpha.add_mailbox("anna", "Anna")
        await asyncio.sleep(0)
        assert not changed.is_set()
        wanted.set()
        await changed.wait()  # said once, for what changed before
        changed.clear()
        for number in range(1200):  # it may take a moment until the forest listens to us
            if changed.is_set():
                break
            directories.alpha.change(anna, displayName=f"Anna {number}")
            await asyncio.sleep(0.05)
        assert changed.is_set()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_writes_are_exact_repeatable_and_refused_with_a_reason(directories: Directories) -> None:
    beta = directories.beta
    async with Forest(directories.project().target, directories.secrets) as forest:
        attributes = {
            "sAMAccountName": as_values(f"x{directories.name[-6:]}"),
            "proxyAddresses": as_values([f"SMTP:a@{beta.domain}", f"smtp:b@{beta.domain}"]),
        }
        new = Creation(f'CN=Quote \\" and \\#,{beta.unit}', "user", attributes, enabled=True)
        [made] = await create(forest, [new])
        assert isinstance(made, DirectoryObject)
        guid = made.guid
        # Values that differ only in case are the same to the directory: the old one must go first.
        change = Modification(
            "proxyAddresses", as_values(f"SMTP:a@{beta.domain}"), as_values(f"smtp:a@{beta.domain}"), whole=False
        )
        for _ in range(2):
            await modify(forest, guid, new.dn, [change])
        [obj] = await read(forest, [guid], [*ATTRIBUTES, "userAccountControl"])
        assert sorted(obj.texts("proxyAddresses")) == [f"smtp:a@{beta.domain}", f"smtp:b@{beta.domain}"]
        assert obj.number("userAccountControl") == 512
        [refused] = await create(forest, [new])
        assert isinstance(refused, WriteRefused)
        assert re.search(r"cannot create CN=Quote.*another object has this name", str(refused))
        with pytest.raises(WriteRefused, match="cannot change"):
            await modify(forest, guid, new.dn, [Modification("noSuchAttribute", (), (b"x",), whole=True)])
