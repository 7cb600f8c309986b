"""Inbox rules: kept and given back as they were made, and carried out when mail comes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy

import pytest
from exchangelib import Account, Message
from exchangelib import Mailbox as Address
from exchangelib.folders import Folder
from exchangelib.properties import Actions, Conditions, CopyToFolder, Exceptions, FolderId, MoveToFolder, Rule
from isthmus_lab.ews import NS, Client, EwsError, M, T
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.fasttransfer import encode
from isthmus_lab.mapi.tags import PidTagMessageClass, PidTagRwRulesStream
from lxml import etree

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person
from tests.waiting import eventually

Element = etree._Element


@asynccontextmanager
async def client_of(exchange: Exchange, person: Person) -> AsyncIterator[Client]:
    async with Client(exchange.ews, exchange.authority, person.principal, person.password) as client:
        yield client


def strings(name: str, *texts: str) -> Element:
    node: Element = T(name, *(T.String(each) for each in texts))
    return node


def people(name: str, *addresses: str) -> Element:
    node: Element = T(
        name, *(T.Address(T.Name(each), T.EmailAddress(each), T.RoutingType("SMTP")) for each in addresses)
    )
    return node


CONDITIONS = [
    strings("Categories", "Rot", "Blau"),
    strings("ContainsBodyStrings", "Zeile"),
    strings("ContainsHeaderStrings", "X-Spam"),
    strings("ContainsRecipientStrings", "team"),
    strings("ContainsSenderStrings", "news", "shop"),
    strings("ContainsSubjectOrBodyStrings", "Angebot"),
    strings("ContainsSubjectStrings", "Größe", "Preis"),
    T.FlaggedForAction("FollowUp"),
    people("FromAddresses", "one@example.com", "two@example.com"),
    T.HasAttachments("true"),
    T.Importance("High"),
    *(
        T(f"Is{each}", "true")
        for each in (
            "ApprovalRequest",
            "AutomaticForward",
            "AutomaticReply",
            "Encrypted",
            "MeetingRequest",
            "MeetingResponse",
            "NDR",
            "PermissionControlled",
            "ReadReceipt",
            "Signed",
            "Voicemail",
        )
    ),
    strings("ItemClasses", "IPM.Note.Custom"),
    T.NotSentToMe("true"),
    T.SentCcMe("true"),
    T.SentOnlyToMe("true"),
    people("SentToAddresses", "list@example.com"),
    T.SentToMe("true"),
    T.SentToOrCcMe("true"),
    T.Sensitivity("Private"),
    T.WithinDateRange(T.StartDateTime("2026-01-01T00:00:00Z"), T.EndDateTime("2026-02-01T00:00:00Z")),
    T.WithinSizeRange(T.MinimumSize("10"), T.MaximumSize("2000")),
]


def plain(node: Element | None) -> str:
    """An element whatever its prefixes are."""
    assert node is not None
    return str(etree.canonicalize(etree.tostring(node, encoding="unicode"), rewrite_prefixes=True))


async def answer(client: Client, *operations: Element, blob: bool = True) -> Element:
    return await client.call(M.UpdateInboxRules(M.RemoveOutlookRuleBlob(str(blob).lower()), M.Operations(*operations)))


async def listed(client: Client) -> list[Element]:
    found = await client.call(M.GetInboxRules())
    return found.findall("m:InboxRules/t:Rule", NS)


async def test_every_predicate_comes_back_as_it_was_given(exchanges: Exchanges, office: Office) -> None:
    async with client_of(exchanges.alpha, office.alpha("anna")) as client:
        rule = T.Rule(
            T.DisplayName("Alles"),
            T.Priority("3"),
            T.IsEnabled("false"),
            T.Conditions(*deepcopy(CONDITIONS)),
            T.Exceptions(*deepcopy(CONDITIONS)),
            T.Actions(T.MarkAsRead("true"), T.StopProcessingRules("true")),
        )
        done = await answer(client, T.CreateRuleOperation(rule))
        assert done.get("ResponseClass") == "Success", plain(done)
        (found,) = await listed(client)
        assert plain(found.find("t:Conditions", NS)) == plain(rule.find("t:Conditions", NS))
        assert plain(found.find("t:Exceptions", NS)) == plain(rule.find("t:Exceptions", NS))
        assert plain(found.find("t:Actions", NS)) == plain(rule.find("t:Actions", NS))
        told = [found.findtext(f"t:{name}", "", NS) for name in ("DisplayName", "Priority", "IsEnabled")]
        assert told == ["Alles", "3", "false"]


def arrive(account: Account, sender: Account, subject: str, **more: object) -> None:
    Message(
        account=sender,
        subject=subject,
        to_recipients=[Address(email_address=account.primary_smtp_address)],
        **{"body": "x", **more},
    ).send()


async def holds(folder: Folder, *subjects: str) -> None:
    async def there() -> bool:
        return sorted(each.subject for each in folder.all().only("subject")) == sorted(subjects)

    await eventually(there)


async def test_rules_move_copy_mark_and_categorise(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    sender = account_of(exchanges.alpha, office.alpha("bert"))
    news = Folder(parent=account.inbox, name="News").save()
    copies = Folder(parent=account.inbox, name="Copies").save()
    for rule in (
        Rule(
            account=account,
            display_name="News",
            priority=1,
            is_enabled=True,
            conditions=Conditions(contains_subject_strings=["news"]),
            exceptions=Exceptions(contains_subject_strings=["important"]),
            actions=Actions(
                move_to_folder=MoveToFolder(folder_id=FolderId(id=news.id)),
                mark_as_read=True,
                assign_categories=["Letters"],
                stop_processing_rules=True,
            ),
        ),
        Rule(
            account=account,
            display_name="Everything",
            priority=2,
            is_enabled=True,
            conditions=Conditions(sent_to_me=True),
            actions=Actions(copy_to_folder=CopyToFolder(folder_id=FolderId(id=copies.id))),
        ),
        Rule(
            account=account,
            display_name="Rubbish",
            priority=3,
            is_enabled=True,
            conditions=Conditions(contains_body_strings=["lottery"]),
            actions=Actions(delete=True),
        ),
        Rule(
            account=account,
            display_name="Off",
            priority=4,
            is_enabled=False,
            conditions=Conditions(sent_to_me=True),
            actions=Actions(permanent_delete=True),
        ),
    ):
        rule.save()
    assert [rule.display_name for rule in account.rules] == ["News", "Everything", "Rubbish", "Off"]
    arrive(account, sender, "The news")
    arrive(account, sender, "important news")
    arrive(account, sender, "You won", body="the LOTTERY")
    await holds(news, "The news")
    await holds(account.inbox, "important news")
    await holds(account.trash, "You won")
    await holds(copies, "important news", "You won")
    (item,) = news.all()
    assert (item.is_read, item.categories) == (True, ["Letters"])
    account.rules[0].delete()
    assert [rule.display_name for rule in account.rules] == ["Everything", "Rubbish", "Off"]


async def test_rules_send_on(exchanges: Exchanges, office: Office) -> None:
    anna, carl = office.alpha("anna"), office.alpha("carl")
    account, other = account_of(exchanges.alpha, anna), account_of(exchanges.alpha, carl)
    sender = account_of(exchanges.alpha, office.alpha("bert"))
    to_carl = [carl.smtp]
    for name, actions in (
        ("forward", Actions(forward_to_recipients=to_carl)),
        ("redirect", Actions(redirect_to_recipients=to_carl)),
        ("attach", Actions(forward_as_attachment_to_recipients=to_carl)),
    ):
        Rule(
            account=account,
            display_name=name,
            priority=1,
            is_enabled=True,
            conditions=Conditions(contains_subject_strings=[name]),
            actions=actions,
        ).save()
    # Carl sends everything back: what has been at Anna's already goes round once.
    Rule(
        account=other,
        display_name="back",
        priority=1,
        is_enabled=True,
        conditions=Conditions(sent_to_me=True),
        actions=Actions(redirect_to_recipients=[anna.smtp]),
    ).save()
    for name in ("forward", "redirect", "attach"):
        arrive(account, sender, f"to {name}")
    await holds(other.inbox, "FW: to forward", "to redirect", "FW: to attach")
    by_subject = {each.subject: each for each in other.inbox.all()}
    assert by_subject["to redirect"].sender.email_address == sender.primary_smtp_address
    assert by_subject["FW: to forward"].sender.email_address == anna.smtp
    assert by_subject["FW: to attach"].attachments[0].item.subject == "to attach"


async def test_a_rule_whose_folder_is_gone_is_in_error(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    sender = account_of(exchanges.alpha, office.alpha("bert"))
    folder = Folder(parent=account.inbox, name="Away").save()
    Rule(
        account=account,
        display_name="Away",
        priority=1,
        is_enabled=True,
        conditions=Conditions(sent_to_me=True),
        actions=Actions(move_to_folder=MoveToFolder(folder_id=FolderId(id=folder.id))),
    ).save()
    folder.delete()
    arrive(account, sender, "Where to")
    await holds(account.inbox, "Where to")
    (rule,) = account.rules
    assert (rule.is_in_error, rule.is_not_supported) == (True, True)


async def test_outlooks_blob_stands_in_the_way_until_it_may_go(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    create = T.CreateRuleOperation(
        T.Rule(T.DisplayName("x"), T.Priority("1"), T.IsEnabled("true"), T.Actions(T.MarkAsRead("true")))
    )
    async with client_of(exchanges.alpha, anna) as client:
        inbox = await client.folder("inbox")
        blob = encode(Bag({PidTagMessageClass: "IPM.RuleOrganizer", PidTagRwRulesStream: b"Outlook's own"}))
        (made,) = await client.upload([(inbox.id, blob)], associated=True)
        assert not isinstance(made, EwsError)
        found = await client.call(M.GetInboxRules())
        assert found.findtext("m:OutlookRuleBlobExists", "", NS) == "true"
        refused = await answer(client, create, blob=False)
        assert refused.findtext("m:ResponseCode", "", NS) == "ErrorOutlookRuleBlobExists"
        assert (await answer(client, create)).get("ResponseClass") == "Success"
        found = await client.call(M.GetInboxRules())
        assert found.findtext("m:OutlookRuleBlobExists", "", NS) == "false"


async def test_all_operations_are_done_or_none(exchanges: Exchanges, office: Office) -> None:
    def create(name: str, priority: int = 1, **more: str) -> Element:
        node: Element = T.CreateRuleOperation(
            T.Rule(
                *(T(field, value) for field, value in more.items()),
                T.DisplayName(name),
                T.Priority(str(priority)),
                T.IsEnabled("true"),
                T.Actions(T.MarkAsRead("true")) if name != "idle" else T.Actions(),
            )
        )
        return node

    async with client_of(exchanges.alpha, office.alpha("anna")) as client:
        refused = await answer(
            client,
            create("good"),
            create("first", 0),
            create("named", RuleId="AAAAAAAAAAA="),
            create("idle"),
            T.DeleteRuleOperation(T.RuleId("AQAAAAAAAAA=")),
        )
        errors = refused.findall("m:RuleOperationErrors/t:RuleOperationError", NS)
        assert refused.findtext("m:ResponseCode", "", NS) == "ErrorInboxRulesValidationError"
        assert [
            (each.findtext("t:OperationIndex", "", NS), each.findtext(".//t:ErrorCode", "", NS)) for each in errors
        ] == [("1", "InvalidValue"), ("2", "CreateWithRuleId"), ("3", "MissingAction"), ("4", "RuleNotFound")]
        assert await listed(client) == []


async def test_rules_move_with_the_associated_items(exchanges: Exchanges, office: Office) -> None:
    """What a migration does: exported here and uploaded there, the rule is there too, for the target's own mail."""
    source, target = office.alpha("anna"), office.beta("anna")
    create = T.CreateRuleOperation(
        T.Rule(
            T.DisplayName("Lesen"),
            T.Priority("1"),
            T.IsEnabled("true"),
            T.Conditions(strings("ContainsSubjectStrings", secrets.token_hex(4))),
            T.Actions(T.MarkAsRead("true")),
        )
    )
    async with client_of(exchanges.alpha, source) as here, client_of(exchanges.beta, target) as there:
        assert (await answer(here, create)).get("ResponseClass") == "Success"
        shape = M.ItemShape(T.BaseShape("IdOnly"))
        found = await here.one(
            M.FindItem(shape, M.ParentFolderIds(T.DistinguishedFolderId(Id="inbox")), Traversal="Associated")
        )
        (item_id,) = found.findall(".//t:ItemId", NS)
        exported = await here.one(M.ExportItems(M.ItemIds(T.ItemId(Id=str(item_id.get("Id"))))))
        content = base64.b64decode(exported.findtext("m:Data", "", NS))
        inbox = await there.folder("inbox")
        (made,) = await there.upload([(inbox.id, content)], associated=True)
        assert not isinstance(made, EwsError)
        (before,), (after,) = await listed(here), await listed(there)
        for name in ("Conditions", "Actions"):
            assert plain(after.find(f"t:{name}", NS)) == plain(before.find(f"t:{name}", NS))


async def test_nobody_sees_the_rules_of_others(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    async with client_of(exchanges.alpha, bert) as client:
        with pytest.raises(EwsError, match="ErrorAccessDenied"):
            await client.call(M.GetInboxRules(M.MailboxSmtpAddress(anna.smtp)))
