"""Conversations of a folder, and the messages of one, wherever they lie."""

from __future__ import annotations

from exchangelib import Message

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office
from tests.plugins.raw import ask, codes, found, texts

FIND = (
    '<m:FindConversation><m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="Beginning"/>'
    '<m:ParentFolderId><t:DistinguishedFolderId Id="drafts"/></m:ParentFolderId>{query}</m:FindConversation>'
)
GET = (
    "<m:GetConversationItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    '<t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties></m:ItemShape>{ignore}'
    "<m:SortOrder>{order}</m:SortOrder>"
    '<m:Conversations><t:Conversation><t:ConversationId Id="{id}"/></t:Conversation></m:Conversations>'
    "</m:GetConversationItems>"
)


def test_conversations_are_found_and_read(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)

    def write(subject: str, number: int, answers: int | None = None) -> Message:
        return Message(
            account=account,
            folder=account.drafts,
            subject=subject,
            message_id=f"<{number}@here.test>",
            in_reply_to=None if answers is None else f"<{answers}@here.test>",
            importance="High" if number == 2 else "Normal",
            is_read=number != 3,
        ).save()

    write("Lunch", 1)
    write("RE: Lunch", 2, answers=1)
    third = write("AW: Lunch", 3, answers=1)
    write("RE: RE: Lunch", 4, answers=2)
    write("Dinner", 5)
    third.copy(account.inbox)
    answer = ask(exchanges.alpha, anna, FIND.format(most=10, offset=0, query=""))
    assert codes(answer) == ["NoError"]
    topics = {texts(each, "t:ConversationTopic")[0]: each for each in found(answer, ".//t:Conversation")}
    assert set(topics) >= {"Lunch", "Dinner"}
    lunch = topics["Lunch"]
    names = ("MessageCount", "GlobalMessageCount", "UnreadCount", "Importance")
    counts = [texts(lunch, f"t:{name}")[0] for name in names]
    shown = len(found(lunch, "t:ItemIds/t:ItemId"))
    assert counts == [str(shown), str(shown + 1), "1", "High"]
    page = ask(exchanges.alpha, anna, FIND.format(most=1, offset=1, query=""))
    assert len(found(page, ".//t:Conversation")) == 1
    assert texts(page, ".//m:TotalConversationsInView") == [str(len(topics))]
    narrow = ask(exchanges.alpha, anna, FIND.format(most=9, offset=0, query="<m:QueryString>dinner</m:QueryString>"))
    assert texts(narrow, ".//t:ConversationTopic") == ["Dinner"]
    conversation = found(lunch, "t:ConversationId")[0].get("Id")
    tree = ask(exchanges.alpha, anna, GET.format(ignore="", order="TreeOrderAscending", id=conversation))
    assert codes(tree) == ["NoError"]
    nodes = texts(tree, ".//t:InternetMessageId")
    assert nodes[0] == "<1@here.test>"
    assert nodes.index("<2@here.test>") < nodes.index("<3@here.test>")
    (both,) = [
        each for each in found(tree, ".//t:ConversationNode") if texts(each, "t:InternetMessageId") == ["<3@here.test>"]
    ]
    assert len(found(both, "t:Items/*")) == 2
    ignore = '<m:FoldersToIgnore><t:DistinguishedFolderId Id="inbox"/></m:FoldersToIgnore>'
    less = ask(exchanges.alpha, anna, GET.format(ignore=ignore, order="DateOrderDescending", id=conversation))
    assert len(texts(less, ".//t:Subject")) == len(texts(tree, ".//t:Subject")) - 1
    nothing = ask(exchanges.alpha, anna, GET.format(ignore="", order="DateOrderAscending", id="AAAA"))
    assert codes(nothing) == ["ErrorItemNotFound"]
