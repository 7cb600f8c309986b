"""The lab's Exchange at its worst: each kind of fault, where it strikes, and that the plan says when."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import requests
from exchangelib import Message
from exchangelib.errors import ErrorItemCorrupt
from lxml import etree

from tests.lab.copying import stream
from tests.plugins.clients import account_of
from tests.plugins.conditions import GET_INBOX, ask, conditions, drafts, injected, item_ids
from tests.plugins.exchange import Exchanges, Office, Person
from tests.waiting import until


def rule(fault: str, person: Person, **more: object) -> dict[str, object]:
    """A fault plan's section with one rule for one person."""
    return {"rules": [{"name": "it", "fault": fault, "mailboxes": [person.smtp], **more}]}


def in_drafts(exchanges: Exchanges, person: Person) -> int:
    body = GET_INBOX.replace("inbox", "drafts").replace("IdOnly", "AllProperties")
    return int(re.findall(r"TotalCount>(\d+)<", ask(exchanges.alpha, person, body).text)[0])


@pytest.mark.parametrize("fault", ["reset", "drop-tls", "no-answer"])
@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_lost_connection_leaves_the_effect_or_not(
    exchanges: Exchanges, office: Office, fault: str, when: str, made: int
) -> None:
    anna = office.alpha("anna")
    plan = rule(fault, anna, when=when, operations=["CreateItem"], times=1, seconds=0.1)
    with conditions(exchanges.alpha, faults=plan):
        with pytest.raises(requests.ConnectionError):
            ask(exchanges.alpha, anna, drafts("One"))
        assert injected(exchanges.alpha) == {"it": 1}
        assert in_drafts(exchanges, anna) == made
        assert ask(exchanges.alpha, anna, drafts("Two")).codes == ["NoError"]


def test_no_answer_comes_until_the_client_gives_up(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    with conditions(exchanges.alpha, faults=rule("no-answer", anna, when="after", times=1, seconds=300)):
        with pytest.raises(requests.Timeout):
            ask(exchanges.alpha, anna, drafts("One"), timeout=0.5)
        assert in_drafts(exchanges, anna) == 1


def test_http_says_no(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    with conditions(exchanges.alpha, faults=rule("status", anna, status=503, retry_after=7)):
        answer = ask(exchanges.alpha, anna, GET_INBOX)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    with conditions(exchanges.alpha, faults=rule("status", anna, status=401)):
        answer = ask(exchanges.alpha, anna, GET_INBOX)
        assert answer.status == 401
        assert "Basic realm" in answer.headers["WWW-Authenticate"]
    with conditions(exchanges.alpha, faults=rule("error", anna, code="ErrorMailboxMoveInProgress")):
        assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["ErrorMailboxMoveInProgress"]


def test_autodiscover_has_bad_days_too(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    pox = "http://schemas.microsoft.com/exchange/autodiscover/outlook"

    def discover() -> requests.Response:
        return requests.post(
            exchanges.alpha.ews.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.xml"),
            data=f'<Autodiscover xmlns="{pox}/requestschema/2006"><Request><EMailAddress>{anna.smtp}</EMailAddress>'
            f"<AcceptableResponseSchema>{pox}/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>",
            auth=(anna.principal, anna.password),
            verify=str(exchanges.alpha.authority),
            timeout=30,
        )

    own: dict[str, Any] = {"operations": ["Autodiscover"], "mailboxes": [anna.smtp], "times": 1}
    plan = {
        "rules": [
            own | {"fault": "reset"},
            own | {"fault": "status", "status": 503, "retry_after": 3},
            own | {"fault": "busy", "shape": "unavailable"},
            own | {"fault": "error", "code": "ErrorADUnavailable"},
            own | {"fault": "slow", "seconds": 0.3, "when": "after"},
            own | {"fault": "truncated", "skip": 1},
        ]
    }
    with conditions(exchanges.alpha, faults=plan):
        with pytest.raises(requests.ConnectionError):
            discover()
        assert [discover().status_code for _ in range(3)] == [503] * 3
        began = time.monotonic()
        assert b"<Action>settings<" in discover().content
        assert time.monotonic() - began >= 0.3
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(discover().content)
        assert b"<Action>settings<" in discover().content
        assert set(injected(exchanges.alpha).values()) == {1}


@pytest.mark.parametrize("fault", ["malformed", "truncated"])
def test_xml_is_broken(exchanges: Exchanges, office: Office, fault: str) -> None:
    anna = office.alpha("anna")
    with conditions(exchanges.alpha, faults=rule(fault, anna, times=1)):
        answer = ask(exchanges.alpha, anna, GET_INBOX)
        assert answer.status == 200
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(answer.text.encode())
        assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["NoError"]


def test_an_answer_is_slow(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    with conditions(exchanges.alpha, faults=rule("slow", anna, seconds=0.5)):
        began = time.monotonic()
        assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["NoError"]
        assert time.monotonic() - began >= 0.5


def test_the_same_items_are_corrupt_each_time(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    made = account.bulk_create(account.drafts, [Message(account=account, subject=f"{n}") for n in range(40)])
    plan = rule("item-error", anna, operations=["GetItem", "ExportItems"], probability=0.3)
    with conditions(exchanges.alpha, faults=plan):
        runs = [[isinstance(each, ErrorItemCorrupt) for each in account.fetch(ids=made)] for _ in range(2)]
        exported = [isinstance(each, ErrorItemCorrupt) for each in account.export(made)]
        # Wherever an item goes, it is the same item.
        moved = account.bulk_move(ids=made, to_folder=account.inbox)
        there = [isinstance(each, ErrorItemCorrupt) for each in account.export(moved)]
        assert injected(exchanges.alpha) == {"it": 4 * sum(runs[0])}
    assert 0 < sum(runs[0]) < 40
    assert runs[0] == runs[1] == exported == there


def test_chosen_items_are_refused(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    ids = ask(exchanges.alpha, anna, drafts("Invoice 1", "Letter")).ids()
    export = f"<m:ExportItems>{item_ids(ids)}</m:ExportItems>"
    with conditions(exchanges.alpha, faults=rule("item-error", anna, subjects=["Invoice*"])):
        assert ask(exchanges.alpha, anna, export).codes == ["ErrorItemCorrupt", "NoError"]
    too_large = rule("item-error", anna, code="ErrorMessageSizeExceeded", larger_than=50)
    with conditions(exchanges.alpha, faults=too_large):
        assert ask(exchanges.alpha, anna, export).codes == ["ErrorMessageSizeExceeded"] * 2
    with conditions(exchanges.alpha, faults=rule("item-error", anna, larger_than=1_000_000)):
        assert ask(exchanges.alpha, anna, export).codes == ["NoError"] * 2


def test_each_upload_has_its_own_stream_whatever_becomes_of_others(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    struck, one, two = (f"<t:Data>{stream(subject)}</t:Data>" for subject in ("Struck", "One", "Two"))
    items = [
        f'<t:Item CreateAction="CreateNew"><t:ParentFolderId Id="{account.drafts.id}"/>{data}</t:Item>'
        for data in (struck, "<t:Data/>", one, two)
    ]
    upload = f"<m:UploadItems><m:Items>{''.join(items)}</m:Items></m:UploadItems>"
    with conditions(exchanges.alpha, faults=rule("item-error", anna, operations=["UploadItems"], times=1)):
        answer = ask(exchanges.alpha, anna, upload)
    assert answer.codes == ["ErrorItemCorrupt", "ErrorCorruptData", "NoError", "NoError"]
    made = [(item, None) for item in answer.ids()]
    assert [item.subject for item in account.fetch(ids=made)] == ["One", "Two"]


def test_pages_are_short_and_states_expire(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    ask(exchanges.alpha, anna, drafts(*map(str, range(7))))
    account = account_of(exchanges.alpha, anna)
    with conditions(exchanges.alpha, faults=rule("short-page", anna, most=3)):
        assert {item.subject for item in account.drafts.all().only("subject")} == set(map(str, range(7)))
        assert len(list(account.drafts.sync_items())) == 7
        assert injected(exchanges.alpha)["it"] >= 6
    sync = (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>"
        '<t:DistinguishedFolderId Id="drafts"/></m:SyncFolderId>{}<m:MaxChangesReturned>10</m:MaxChangesReturned>'
        "</m:SyncFolderItems>"
    )
    with conditions(exchanges.alpha, faults=rule("expired-state", anna, times=1)):
        first = ask(exchanges.alpha, anna, sync.format(""))
        [state] = re.findall(r"<m:SyncState>([^<]+)<", first.text)
        again = sync.format(f"<m:SyncState>{state}</m:SyncState>")
        assert ask(exchanges.alpha, anna, again).codes == ["ErrorInvalidSyncStateData"]
        assert ask(exchanges.alpha, anna, again).codes == ["NoError"]


def test_mail_comes_twice(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, bert)
    with conditions(exchanges.alpha, faults=rule("duplicate-delivery", bert, times=1)):
        sender = account_of(exchanges.alpha, anna)
        for subject in ("One", "Two"):
            Message(account=sender, subject=subject, to_recipients=[bert.smtp]).send()
        until(lambda: account.inbox.all().count() == 3)
        assert injected(exchanges.alpha) == {"it": 1}
    found = list(account.inbox.all().only("message_id"))
    assert len({each.message_id for each in found}) == 2


def test_the_seed_decides(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")

    def run(seed: int) -> list[int]:
        plan = rule("status", anna, probability=0.5, skip=1) | {"seed": seed}
        with conditions(exchanges.alpha, faults=plan):
            return [ask(exchanges.alpha, anna, GET_INBOX).status for _ in range(12)]

    first = run(1)
    assert first[0] == 200
    assert set(first) == {200, 503}
    assert run(1) == first
    assert run(2) != first


def test_a_wrong_plan_changes_nothing(exchanges: Exchanges, office: Office) -> None:
    url = exchanges.alpha.ews.replace("/EWS/Exchange.asmx", "/lab/conditions")
    anna = office.alpha("anna")

    def put(user: tuple[str, str], plan: Any) -> int:
        return requests.put(
            url, json={"faults": plan}, auth=user, verify=str(exchanges.alpha.authority), timeout=30
        ).status_code

    assert put(exchanges.alpha.service_account, {"rules": [{"fault": "nonsense"}]}) == 400
    assert put((anna.principal, anna.password), {"rules": []}) == 403
    assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["NoError"]
