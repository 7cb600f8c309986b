"""How long the lab's Exchange takes, and how much of it somebody may use."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from exchangelib import Message
from exchangelib.errors import RateLimitError
from isthmus_lab.exchange.ews.versions import VERSIONS

from tests.plugins.clients import account_of
from tests.plugins.conditions import GET_INBOX, Answer, ask, conditions, drafts, item_ids
from tests.plugins.exchange import Exchanges, Office, Person
from tests.waiting import until

FIND = (
    '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>{}'
    '<m:ParentFolderIds><t:DistinguishedFolderId Id="drafts"/></m:ParentFolderIds></m:FindItem>'
)
EXPORT = "<m:ExportItems>{}</m:ExportItems>"


def timed(exchanges: Exchanges, person: Person, body: str) -> tuple[float, Answer]:
    began = time.monotonic()
    answer = ask(exchanges.alpha, person, body)
    return time.monotonic() - began, answer


def test_time_is_the_ways_the_calls_and_the_items(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    ids = ask(exchanges.alpha, anna, drafts(*"abcd")).ids()
    with conditions(exchanges.alpha, delay={"round_trip_ms": 300}):
        assert timed(exchanges, anna, GET_INBOX)[0] >= 0.3
    with conditions(exchanges.alpha, delay={"call_ms": {"*": 10, "ExportItems": 200}, "item_ms": {"ExportItems": 100}}):
        assert timed(exchanges, anna, EXPORT.format(item_ids(ids)))[0] >= 0.6
    with conditions(exchanges.alpha, delay={"item_ms": {"FindItem": 150}}):
        assert timed(exchanges, anna, FIND.format(""))[0] >= 0.6


def leave_waiting(exchanges: Exchanges, person: Person, number: int) -> None:
    """So many requests are on the server for minutes, although nobody waits for their answers."""

    def give_up(_: int) -> None:
        with pytest.raises(requests.Timeout):
            ask(exchanges.alpha, person, GET_INBOX, timeout=1)

    with ThreadPoolExecutor(number) as threads:
        list(threads.map(give_up, range(number)))


FOR_MINUTES = {"call_ms": {"GetFolder": 300_000}}


def test_those_who_wait_hold_nothing(exchanges: Exchanges, office: Office) -> None:
    """More requests wait than the server has threads, and others are answered."""
    anna = office.alpha("anna")
    ask(exchanges.alpha, anna, GET_INBOX)
    with conditions(exchanges.alpha, delay=FOR_MINUTES):
        leave_waiting(exchanges, anna, 24)
        assert ask(exchanges.alpha, anna, FIND.format("")).codes == ["NoError"]


def test_a_batch_that_takes_too_long_is_answered_in_part(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    ids = ask(exchanges.alpha, anna, drafts(*"abcde")).ids()
    with conditions(exchanges.alpha, limits={"batch_seconds": 0.7}, delay={"item_ms": {"*": 200}}):
        answer = ask(exchanges.alpha, anna, EXPORT.format(item_ids(ids)))
        assert _in_part(answer.codes) <= 3  # fewer where the machine itself needs time
        assert answer.text.count('ResponseClass="Warning"') == answer.codes.count("ErrorBatchProcessingStopped") > 0
        done = _in_part(ask(exchanges.alpha, anna, drafts(*"vwxyz")).codes)
        assert done <= 3
    [total] = re.findall(r'TotalItemsInView="(\d+)"', ask(exchanges.alpha, anna, FIND.format("")).text)
    assert int(total) == 5 + done


def _in_part(codes: list[str]) -> int:
    """How many were done before the time was up; with the next it is, and those behind it are left undone."""
    done = codes.index("ErrorTimeoutExpired")
    assert codes == ["NoError"] * done + ["ErrorTimeoutExpired"] + ["ErrorBatchProcessingStopped"] * (4 - done)
    return done


def test_more_at_once_than_allowed_is_refused(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    ask(exchanges.alpha, anna, GET_INBOX)
    with conditions(exchanges.alpha, throttling={"max_concurrency": 2}, delay=FOR_MINUTES):
        leave_waiting(exchanges, anna, 2)
        until(lambda: ask(exchanges.alpha, anna, FIND.format("")).codes == ["ErrorExceededConnectionCount"])
        assert ask(exchanges.alpha, anna, FIND.format("")).status == 500
        assert ask(exchanges.alpha, bert, FIND.format("")).codes == ["NoError"]


BUDGET = {"max_burst_ms": 100, "cutoff_ms": 0, "recharge_ms": 3_600_000, "lockout_ms": 20_000}


@pytest.mark.parametrize(
    ("shape", "status", "code"),
    [("fault", 500, "ErrorServerBusy"), ("message", 200, "ErrorInternalServerError"), ("unavailable", 503, None)],
)
def test_who_has_used_it_up_waits(
    exchanges: Exchanges, office: Office, shape: str, status: int, code: str | None
) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    policy = BUDGET | {"shape": shape}
    with conditions(exchanges.alpha, throttling=policy, delay={"call_ms": {"GetFolder": 300}}):
        assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["NoError"]
        answer = ask(exchanges.alpha, anna, GET_INBOX)
        assert answer.status == status
        if code is None:
            assert answer.headers["Retry-After"] == "20"
        else:
            assert answer.codes[0] == code
            [wait] = re.findall(r'Name="BackOffMilliseconds">(\d+)<', answer.text)
            assert 15_000 < int(wait) <= 20_000
        if shape == "message":
            assert 'Name="InnerErrorResponseCode">ErrorServerBusy<' in answer.text
        assert ask(exchanges.alpha, bert, GET_INBOX).codes == ["NoError"]


def test_a_service_account_has_a_budget_for_each_mailbox(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    user, password = exchanges.alpha.service_account

    def as_somebody(person: Person) -> list[str]:
        header = (
            "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>"
            f"{person.smtp}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
        )
        return ask(exchanges.alpha, person, GET_INBOX, header=header, auth=(user, password)).codes

    with conditions(exchanges.alpha, throttling=BUDGET, delay={"call_ms": {"GetFolder": 300}}):
        assert as_somebody(anna) == ["NoError"]
        assert as_somebody(anna) == ["ErrorServerBusy"]
        assert as_somebody(bert) == ["NoError"]
        assert ask(exchanges.alpha, anna, GET_INBOX).codes == ["NoError"]


def test_exchangelib_reads_how_long_to_stay_away(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    assert account.inbox.total_count == 0
    plan: dict[str, Any] = {"rules": [{"fault": "busy", "mailboxes": [anna.smtp], "back_off_ms": 500, "times": 1}]}
    with conditions(exchanges.alpha, faults=plan):
        Message(account=account, folder=account.drafts, subject="In the end").save()
    assert account.drafts.all().count() == 1
    plan["rules"][0] |= {"back_off_ms": 300_000, "name": "too long for it"}
    with conditions(exchanges.alpha, faults=plan), pytest.raises(RateLimitError, match="300"):
        account.inbox.refresh()


def test_a_request_that_is_too_large_does_not_reach_exchange(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    body: Any = b"<" * (VERSIONS[exchanges.alpha.settings.version].max_request_bytes + 1)
    answer = requests.post(
        exchanges.alpha.ews,
        data=body,
        auth=(anna.principal, anna.password),
        headers={"Content-Type": "text/xml"},
        verify=str(exchanges.alpha.authority),
        timeout=60,
    )
    assert answer.status_code == 404
