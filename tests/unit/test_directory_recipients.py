"""What Exchange needs on every kind of recipient, and both scenarios: full accounts and a resource forest."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from isthmus_project import Project
from isthmus_sync.directory import Agreed, DirectoryObject, ExchangeFacts, Link, Pair, Side, Twins, difference
from isthmus_sync.directory.linking import link_values
from isthmus_sync.directory.objects import as_values

from tests.unit.directory_values import FACTS, MAIL_USERS, guid, mailbox, project, recipient
from tests.unit.directory_world import World

LINKED = project(create={"accounts": "linked"})
FULL = project()


def _sid(*parts: int, authority: int = 5) -> bytes:
    return struct.pack(f"<BB6s{len(parts)}I", 1, len(parts), authority.to_bytes(6, "big"), *parts)


ANNA_SID, HER_MASTER, SELF = _sid(21, 1, 2, 3, 1104), _sid(21, 9, 9, 9, 500), _sid(10)


def _person(**attributes: Any) -> DirectoryObject:
    return mailbox("alpha", "anna", **{"objectSid": ANNA_SID, "userAccountControl": "512", **attributes})


def _made(the_project: Project, facts: ExchangeFacts, source: DirectoryObject) -> tuple[DirectoryObject, bool]:
    """The object that is made for one of the source, and whether its account is enabled."""
    world = World(the_project, facts)
    world.put(Side.SOURCE, source)
    world.run()
    assert world.last
    [creation] = [decision.creation for decision in world.last.decisions]
    assert creation is not None
    world.settle()
    return world.twin(source), creation.enabled


@pytest.mark.parametrize(
    ("the_project", "facts", "source", "types", "master", "enabled"),
    [
        (FULL, FACTS, _person(), ("1", "1073741824"), (), True),
        (FULL, MAIL_USERS, _person(), ("128", "-2147483642"), (), True),
        (LINKED, FACTS, _person(), ("2", "1073741824"), (ANNA_SID,), False),
        (LINKED, MAIL_USERS, _person(), ("128", "-1073741818"), (ANNA_SID,), False),
        (
            LINKED, FACTS, _person(userAccountControl="514", msExchMasterAccountSid=HER_MASTER),
            ("2", "1073741824"), (HER_MASTER,), False,
        ),
        (
            LINKED, FACTS,
            _person(userAccountControl="514", msExchMasterAccountSid=SELF, msExchRecipientTypeDetails="4"),
            ("4", "0"), (), False,
        ),
        (FULL, FACTS, _person(userAccountControl="514", msExchRecipientTypeDetails="4"), ("4", "0"), (), False),
        (LINKED, FACTS, _person(userAccountControl="514", msExchRecipientTypeDetails="16"), ("16", "7"), (), False),
        (FULL, FACTS, _person(userAccountControl="514", msExchRecipientTypeDetails="32"), ("32", "8"), (), False),
        (
            FULL, MAIL_USERS, _person(userAccountControl="514", msExchRecipientTypeDetails="16"),
            ("128", "-2147481850"), (), False,
        ),
        (
            FULL, MAIL_USERS, _person(userAccountControl="514", msExchRecipientTypeDetails="32"),
            ("128", "-2147481594"), (), False,
        ),
    ],
)  # fmt: skip
def test_accounts_become_what_they_stand_for(
    the_project: Project,
    facts: ExchangeFacts,
    source: DirectoryObject,
    types: tuple[str, str],
    master: Any,
    enabled: bool,
) -> None:
    twin, is_enabled = _made(the_project, facts, source)
    assert (twin.text("msExchRecipientTypeDetails"), twin.text("msExchRecipientDisplayType")) == types
    assert (twin.raw("msExchMasterAccountSid"), is_enabled) == (master, enabled)
    assert twin.text("msExchVersion") == "44220983382016"
    assert "X500:/o=alpha/cn=anna" in twin.texts("proxyAddresses")


def test_a_mail_user_carries_the_mailbox_it_stands_for_until_it_has_its_own() -> None:
    archive = guid("archive")
    world = World(FULL, MAIL_USERS)
    world.put(
        Side.SOURCE, _person(msExchArchiveGUID=archive, msExchArchiveName="Archive - Anna", msExchUserCulture="de-DE")
    )
    world.settle()
    anna = world.source("anna")
    twin = world.twin(anna)
    assert twin.raw("msExchMailboxGuid") == anna.raw("msExchMailboxGuid")
    assert (twin.raw("msExchArchiveGUID"), twin.text("msExchArchiveName")) == ((archive,), "Archive - Anna")
    assert (twin.text("msExchUserCulture"), twin.text("internetEncoding")) == ("de-DE", "1310720")
    world.facts = FACTS
    world.settle()
    twin = world.twin(anna)
    assert twin.has_mailbox
    assert twin.raw("msExchMailboxGuid") not in ((), anna.raw("msExchMailboxGuid")), "offline copies tell them apart"
    assert twin.raw("msExchArchiveGUID") not in ((), (archive,)), "the new mailbox has an archive of its own"
    assert twin.text("msExchArchiveName") == "Archive - Anna"
    assert [each.dn for each in twin.linked("msExchArchiveDatabaseLink")] == [FACTS.database]


def test_who_has_an_archive_gets_one_as_the_project_says() -> None:
    def twin(archives: str, *, there: bool, surroundings: bool = True) -> DirectoryObject:
        the_project = project(create={"archives": archives})
        around = the_project.mailbox.surroundings.model_copy(update={"archive": surroundings})
        mailbox_sync = the_project.mailbox.model_copy(update={"surroundings": around})
        world = World(the_project.model_copy(update={"mailbox": mailbox_sync}))
        world.put(Side.SOURCE, _person())
        if there:
            world.put(Side.TARGET, mailbox("beta", "anna", msExchELCMailboxFlags="2"))
        world.settle()
        # Somebody enables it while Isthmus is at work.
        world.write(Side.SOURCE, world.source("anna"), "msExchArchiveGUID", (guid("archive"),))
        world.settle()
        return world.twin(world.source("anna"))

    made, kept = twin("new", there=False), twin("new", there=True)
    assert (len(made.raw("msExchArchiveGUID")), made.text("msExchELCMailboxFlags")) == (1, "32")
    assert not kept.raw("msExchArchiveGUID"), "a mailbox that was there before gets nothing that costs a licence"
    there_too = twin("all", there=True)
    assert (len(there_too.raw("msExchArchiveGUID")), there_too.text("msExchELCMailboxFlags")) == (1, "34")
    assert not twin("none", there=False).raw("msExchArchiveGUID")
    assert not twin("all", there=False, surroundings=False).raw("msExchArchiveGUID")


def test_holds_come_with_the_mailbox_and_are_never_taken_off() -> None:
    since = b"20260401080000.0Z"
    world = World(project(create={"archives": "all"}))
    archived = {"msExchArchiveGUID": guid("archive")}
    # 16 + 8, and 2 that is no hold
    held: dict[str, Any] = {"msExchELCMailboxFlags": "26", "msExchLitigationHoldDate": since, **archived}
    world.put(Side.SOURCE, mailbox("alpha", "anna", **held), mailbox("alpha", "bert"), mailbox("alpha", "carl", **held))
    world.put(Side.TARGET, mailbox("beta", "carl", msExchELCMailboxFlags="1"))
    world.settle()
    anna, bert, carl = (world.twin(world.source(name)) for name in ("anna", "bert", "carl"))
    assert (anna.text("msExchELCMailboxFlags"), anna.raw("msExchLitigationHoldDate")) == ("56", (since,))
    assert not bert.raw("msExchELCMailboxFlags") and not bert.raw("msExchLitigationHoldDate")
    assert carl.text("msExchELCMailboxFlags") == "57", "what was there before stays"

    # Somebody is put on hold, and let go again, while the source's mailbox is used; then after it is.
    world.write(Side.SOURCE, world.source("bert"), "msExchELCMailboxFlags", (b"8",))
    world.settle()
    assert world.twin(world.source("bert")).text("msExchELCMailboxFlags") == "8"
    world.write(Side.SOURCE, world.source("bert"), "msExchELCMailboxFlags", ())
    world.settle()
    assert world.twin(world.source("bert")).text("msExchELCMailboxFlags") == "8", "people take a hold off"
    world.switch(world.source("bert"), Side.TARGET)
    world.write(Side.TARGET, world.twin(world.source("bert")), "msExchELCMailboxFlags", ())
    world.write(Side.SOURCE, world.source("bert"), "msExchELCMailboxFlags", (b"16",))
    world.settle()
    assert not world.twin(world.source("bert")).raw("msExchELCMailboxFlags"), "the target's own now"


def test_an_account_that_people_log_on_to_is_not_linked() -> None:
    world = World(LINKED)
    world.put(Side.SOURCE, _person())
    world.put(Side.TARGET, recipient("beta", "anna", userAccountControl="512"))
    world.settle()
    twin = world.twin(world.source("anna"))
    assert (twin.text("msExchRecipientTypeDetails"), twin.raw("msExchMasterAccountSid")) == ("1", ())
    world = World(LINKED)
    world.put(Side.SOURCE, _person())
    world.put(Side.TARGET, recipient("beta", "anna", userAccountControl="512"))
    world.run()
    assert world.last
    assert "disable it first" in world.last.decisions[0].problems[0]
    world = World(LINKED)
    world.put(Side.SOURCE, _person())
    world.put(Side.TARGET, recipient("beta", "anna", userAccountControl="514"))
    world.settle()
    assert world.twin(world.source("anna")).raw("msExchMasterAccountSid") == (ANNA_SID,)


def test_a_resource_is_one_for_every_address_list() -> None:
    for details, what in (("16", "Room"), ("32", "Equipment")):
        source = mailbox(
            "alpha", "thing", msExchRecipientTypeDetails=details, userAccountControl="514",
            msExchHideFromAddressLists="TRUE", msExchResourceCapacity="8",
        )  # fmt: skip
        twin, _ = _made(FULL, FACTS, source)
        assert twin.text("msExchResourceMetaData") == f"ResourceType:{what}"
        assert twin.text("msExchResourceSearchProperties") == what
        assert (twin.text("msExchResourceCapacity"), twin.text("msExchHideFromAddressLists")) == ("8", "TRUE")
    kept = mailbox(
        "alpha", "thing", msExchRecipientTypeDetails="16", msExchResourceMetaData=["ResourceType:Room", "Beamer"]
    )
    assert _made(FULL, FACTS, kept)[0].texts("msExchResourceMetaData") == ("ResourceType:Room", "Beamer")


def test_contacts_and_groups_are_what_exchange_expects() -> None:
    contact, _ = _made(FULL, FACTS, recipient("alpha", "guest", "contact", targetAddress="SMTP:g@far.test"))
    assert (contact.text("msExchRecipientTypeDetails"), contact.text("msExchRecipientDisplayType")) == ("64", "6")
    assert (contact.text("targetAddress"), contact.text("internetEncoding")) == ("SMTP:g@far.test", "1310720")
    for scope, (group_type, display_type) in {"2": ("8", "1"), "-2147483646": ("-2147483640", "1073741833")}.items():
        group, _ = _made(FULL, FACTS, recipient("alpha", "staff", "group", groupType=scope, hideDLMembership="TRUE"))
        assert (group.text("groupType"), group.text("msExchRecipientDisplayType")) == (group_type, display_type)
        assert group.text("hideDLMembership") == "TRUE"


def test_every_linked_attribute_waits_follows_and_goes() -> None:
    links = ("manager", "assistant", "publicDelegates", "altRecipient", "authOrig", "unauthOrig", "dLMemSubmitPerms",
             "dLMemRejectPerms")  # fmt: skip
    world = World()
    world.put(Side.SOURCE, mailbox("alpha", "anna", {name: ["bert"] for name in links}, deliverAndRedirect="TRUE"))
    world.settle()
    anna = world.source("anna")
    assert world.last
    assert not any(world.twin(anna).linked(name) for name in links), "the other end does not take part yet"
    world.put(Side.SOURCE, mailbox("alpha", "bert"))
    world.settle()
    bert = world.twin(world.source("bert"))
    twin = world.twin(anna)
    assert all([found.guid for found in twin.linked(name)] == [bert.guid] for name in links)
    assert world.twin(anna).text("deliverAndRedirect") == "TRUE"
    for name in links:
        world.link(Side.SOURCE, world.source("anna"), name, ())
    world.write(Side.SOURCE, world.source("anna"), "deliverAndRedirect", as_values("FALSE"))
    world.settle()
    assert not any(world.twin(anna).linked(name) for name in links)
    assert world.twin(anna).text("deliverAndRedirect") == "FALSE"


def test_a_group_of_thousands_is_changed_by_its_difference() -> None:
    names = [f"p{number}" for number in range(5001)]
    pairs = [Pair(guid(f"pair/{name}"), guid(f"alpha/{name}"), guid(f"beta/{name}")) for name in names]
    source = recipient("alpha", "all", "group", {"member": names[1:]})
    target = recipient("beta", "all", "group", {"member": names[:-1]})
    agreed = Agreed({}, {"member": frozenset(pair.id.hex() for pair in pairs[:-1])})
    pair = Pair(guid("pair/all"), source.guid, target.guid, agreed=agreed)
    objects = {Side.SOURCE: source, Side.TARGET: target}
    linking = link_values("member", objects, pair, "source", Twins(pairs), lambda side, found: found.hex())
    [change] = difference(target, {}, {"member": linking.wanted[Side.TARGET]})
    assert [gone.guid for gone in change.removed if isinstance(gone, Link)] == [guid("beta/p0")]
    assert [new.guid for new in change.added if isinstance(new, Link)] == [guid("beta/p5000")]
    assert difference(source, {}, {"member": linking.wanted[Side.SOURCE]}) == ()
