"""Search folders and default views between two Exchange servers: what names folders and items by their ids."""

from __future__ import annotations

import base64

from isthmus.events.v1.mailbox_pb2 import KeptAside
from isthmus_events.topics import MAILBOX_KEPT_ASIDE
from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import (
    ConvertIds,
    CreateFolder,
    CreateSearchFolder,
    DeleteFolder,
    FindFolders,
    FolderUpdate,
    GetSearchFolders,
    RenameFolder,
    SetSearch,
)
from isthmus_exchange.values import SearchFolder
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Bag
from isthmus_mailbox.proving import prove

from tests.lab.copying import contents, listing, put, role, stream
from tests.lab.surrounded import Surrounded, beta_folder, change, settings

_UNREAD = (
    '<t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"></t:FieldURI>'
    '<t:FieldURIOrConstant><t:Constant Value="false"></t:Constant></t:FieldURIOrConstant></t:IsEqualTo>'
)


def parameters(*bases: str, restriction: str = _UNREAD) -> str:
    ids = "".join(f'<t:FolderId Id="{each}"></t:FolderId>' for each in bases)
    return (
        f'<t:SearchParameters Traversal="Deep"><t:Restriction>{restriction}</t:Restriction>'
        f"<t:BaseFolderIds>{ids}</t:BaseFolderIds></t:SearchParameters>"
    )


async def entry_id(mailbox: Mailbox, identity: str) -> str:
    (found,) = await mailbox.call(ConvertIds((identity,), "EwsId", "EntryId", mailbox.address))
    assert isinstance(found, str)
    return found


async def searches(mailbox: Mailbox, top: str = "searchfolders") -> dict[str, SearchFolder]:
    page = await mailbox.call(FindFolders(0, top, only_search=True))
    if not page.folders:
        return {}
    told = await mailbox.call(GetSearchFolders(tuple(each.id for each in page.folders)))
    return {each.name: each for each in told if not isinstance(each, EwsError)}


async def test_search_folders_find_the_same_on_the_other_side(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    inbox, root = await role(alpha, "inbox"), await role(alpha, "msgfolderroot")
    # So that numbers of folders, which ids are made of, are others on the other side.
    await alpha.call(DeleteFolder(await alpha.call(CreateFolder(inbox, "Gone", "IPF.Note"))))
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    await put(alpha, inbox, stream("one"), stream("one, read", read=True))
    await put(alpha, travel, stream("two"))
    await put(alpha, await role(alpha, "deleteditems"), stream("three"))
    elsewhere = (
        f'<t:And>{_UNREAD}<t:Not><t:IsEqualTo><t:ExtendedFieldURI PropertyTag="0x0e09" PropertyType="Binary">'
        "</t:ExtendedFieldURI><t:FieldURIOrConstant>"
        f'<t:Constant Value="{await entry_id(alpha, await role(alpha, "deleteditems"))}"></t:Constant>'
        "</t:FieldURIOrConstant></t:IsEqualTo></t:Not></t:And>"
    )
    made = await alpha.call(CreateSearchFolder(None, "Unread mail", parameters(root, restriction=elsewhere)))
    await alpha.call(CreateSearchFolder(None, "Travel", parameters(travel, inbox)))
    await alpha.call(CreateSearchFolder(inbox, "In a folder", parameters(travel)))

    this = await around.look()
    there = await searches(beta)
    assert there.keys() == {"Unread mail", "Travel"}
    assert there["Travel"].folders == (await beta_folder(around, travel), await beta_folder(around, inbox))
    (below,) = (await searches(beta, "msgfolderroot")).values()
    assert (below.name, below.parent) == ("In a folder", await beta_folder(around, inbox))
    for name, found in (("Unread mail", 2), ("Travel", 2)):
        assert len(await listing(beta, there[name].id)) == len(await listing(alpha, (await searches(alpha))[name].id))
        assert len(await listing(beta, there[name].id)) == found
    assert await around.aside("search folder") == set()
    assert (await prove(this)).equal
    assert await contents(alpha) == await contents(beta)

    # Nothing is made twice. What changes is followed; what goes, goes; what is of the other side's own, stays.
    await beta.call(CreateSearchFolder(None, "Mine", parameters(await beta_folder(around, inbox))))
    await around.look()
    assert {name: each.id for name, each in (await searches(beta)).items() if name != "Mine"} == {
        name: each.id for name, each in there.items()
    }
    await alpha.call(RenameFolder(made, "Unread here"))
    await alpha.call(SetSearch(made, parameters(inbox)))
    await alpha.call(DeleteFolder((await searches(alpha))["Travel"].id))
    await around.look(eager=False)
    after = await searches(beta)
    assert after.keys() == {"Unread here", "Mine"}
    assert after["Unread here"].id == there["Unread mail"].id
    assert after["Unread here"].parameters == parameters(await beta_folder(around, inbox))

    # What somebody changes there is put right when it is looked at.
    await beta.call(SetSearch(after["Unread here"].id, parameters(await role(beta, "calendar"))))
    await around.look()
    assert (await searches(beta))["Unread here"].parameters == after["Unread here"].parameters


async def test_a_search_in_what_is_not_copied_waits_and_is_told_of(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    made = await alpha.call(CreateSearchFolder(None, "Travel", parameters(travel)))
    await around.look()
    assert (await searches(beta)).keys() == {"Travel"}
    await alpha.call(SetSearch(made, parameters(travel, inbox)))
    await alpha.call(DeleteFolder(travel))
    await around.look(eager=False)
    ((_, _, what, reason),) = await around.aside("search folder")
    assert what == "Travel"
    assert reason == "it looks in a folder that is not in this mailbox, or has not been copied"
    await alpha.call(SetSearch(made, parameters(inbox)))
    await around.look(eager=False)
    assert await around.aside("search folder") == set()
    told = await around.box.pool.fetch(
        "SELECT data FROM outbox WHERE topic = $1 AND key = $2 ORDER BY position",
        MAILBOX_KEPT_ASIDE.name,
        around.box.pair,
    )
    said = [KeptAside.FromString(data) for (data,) in told]
    assert [(each.what, each.settled) for each in said] == [("Travel", False), ("Travel", True)]
    assert (await searches(beta))["Travel"].folders == (await beta_folder(around, inbox),)


async def test_search_folders_stay_when_the_project_says_so(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    await alpha.call(CreateSearchFolder(None, "Unread", parameters(await role(alpha, "inbox"))))
    await around.look(search_folders=False)
    assert await searches(beta) == {}


async def test_the_default_view_of_a_folder_is_its_copy(around: Surrounded) -> None:
    alpha, beta = around.box.alpha, around.box.beta
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    await put(alpha, inbox, stream("so that numbers differ"))
    bag = Bag(
        {
            tags.PidTagMessageFlags: 0x40,
            tags.PidTagMessageClass: "IPM.Microsoft.FolderDesign.NamedView",
            tags.PidTagSubject: "By colour",
            tags.PidTagSearchKey: b"a view of travel",
        }
    )
    view = base64.b64encode(fasttransfer.encode(bag)).decode()
    (item,) = await put(alpha, travel, view, associated=True)
    default = await entry_id(alpha, item)
    await change(alpha, FolderUpdate(travel, "Folder", properties={"DefaultViewEntryId": default}))
    await around.look()
    there = await beta_folder(around, travel)
    (copy,) = await listing(beta, there, associated=True)
    assert (await settings(beta, there)).properties["DefaultViewEntryId"] == await entry_id(beta, copy)
    assert await around.aside() == set()

    # A view that is elsewhere is told of, and the folder has no other one instead.
    elsewhere = base64.b64encode(base64.b64decode(default)[:-8] + bytes(8)).decode()
    await change(alpha, FolderUpdate(travel, "Folder", properties={"DefaultViewEntryId": elsewhere}))
    await around.look(eager=False)
    ((path, _, what, reason),) = await around.aside()
    assert (path, what) == ("Inbox/Travel", "DefaultViewEntryId")
    assert "has not been copied" in reason
    assert "DefaultViewEntryId" not in (await settings(beta, there)).properties
