"""GetConversationItems: the messages of conversations, copies of one message in one node ([MS-OXWSCONV] 3.1.4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Row

from ..call import Call, reading
from ..conversations import of_id, when
from ..errors import EwsError
from ..names import Element, child, m, t, text
from ..shapes import Shape, show
from ..soap import Answer
from ..values import parse_base64

_MOST = 100


@reading
def get_conversation_items(call: Call) -> Answer:
    """Each conversation by itself; messages in the caller's mailbox, wherever they lie."""
    shape = Shape.parse(child(call.element, "ItemShape"))
    most = int(text(call.element, "MaxItemsToReturn") or _MOST)
    order = text(call.element, "SortOrder") or "TreeOrderAscending"

    def handle(node: Element) -> Iterator[Element]:
        if not 1 <= most <= _MOST:
            raise EwsError("ErrorInvalidRequest", f"MaxItemsToReturn must be between 1 and {_MOST}.")
        named = child(node, "ConversationId")
        assert named is not None
        mailbox, written = call.mailbox(), named.get("Id", "")
        try:
            wanted = parse_base64(written)
        except ValueError:
            raise EwsError("ErrorInvalidIdMalformed") from None
        ignored = {call.folder(each)[1].id for each in call.children("FoldersToIgnore")}
        rows = [row for row in of_id(mailbox, wanted) if row.folder_id not in ignored]
        if not rows:
            raise EwsError("ErrorItemNotFound")
        answer = m("Conversation", t("ConversationId", Id=written))
        listed = t("ConversationNodes")
        for copies in _nodes(rows, order)[:most]:
            shown = t("Items")
            shown.extend(show(call.view(mailbox, row, body=shape.body), shape) for row in copies)
            part = t("ConversationNode")
            if copies[0].message_id:
                part.append(t("InternetMessageId", copies[0].message_id))
            if copies[0].in_reply_to:
                part.append(t("ParentInternetMessageId", copies[0].in_reply_to))
            part.append(shown)
            listed.append(part)
        answer.append(listed)
        yield answer

    return call.answer_each(call.children("Conversations"), handle)


def _nodes(rows: list[Row], order: str) -> list[list[Row]]:
    """The copies of each message; in the order of time, or answers behind what they answer."""
    nodes: dict[str, list[Row]] = {}
    for row in sorted(rows, key=when):
        nodes.setdefault(row.message_id or row.id.hex(), []).append(row)
    found = list(nodes)
    if order.startswith("TreeOrder"):
        below: dict[str, list[str]] = {}
        for name in found:
            parent = nodes[name][0].in_reply_to
            below.setdefault(parent if parent in nodes and parent != name else "", []).append(name)
        placed, waiting = dict[str, None](), list(reversed(below.get("", [])))
        while waiting:
            name = waiting.pop()
            if name not in placed:
                placed[name] = None
                waiting += reversed(below.get(name, []))
        found = [*placed, *(name for name in found if name not in placed)]
    if order.endswith("Descending"):
        found.reverse()
    return [nodes[name] for name in found]
