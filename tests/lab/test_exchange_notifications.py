"""Notifications of the lab's Exchange: exchangelib unmodified where it can, plain requests for the rest."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from exchangelib import UTC, Account, CalendarItem, Message
from exchangelib.errors import ErrorInvalidWatermark, ErrorSubscriptionNotFound
from exchangelib.services import SendNotification
from isthmus_lab.program import running

from tests.plugins.clients import account_of, impersonated
from tests.plugins.conditions import ENVELOPE, GET_INBOX, ask, conditions
from tests.plugins.exchange import Exchange, Exchanges, Office, Person, build
from tests.plugins.forests import Forests, Units
from tests.waiting import until

ALL = ["CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "NewMailEvent"]


def items_of(notifications: Any) -> list[tuple[str, str]]:
    """Name and item of the events about items."""
    return [
        (type(event).__name__, event.item_id.id)
        for notification in notifications
        for event in notification.events
        if getattr(event, "item_id", None) is not None
    ]


def test_a_pull_subscription_tells_every_kind_of_change(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    with account.drafts.pull_subscription(event_types=ALL) as (subscription, watermark):
        status = list(account.drafts.get_events(subscription, watermark))
        assert [type(event).__name__ for event in status[0].events] == ["StatusEvent"]
        message = Message(account=account, folder=account.drafts, subject="One").save()
        first = message.id
        message.subject = "Two"
        message.save(update_fields=["subject"])
        copied, _ = message.copy(to_folder=account.drafts)
        message.move(account.inbox)
        [notification] = account.drafts.get_events(subscription, status[0].events[-1].watermark)
        told = items_of([notification])
        assert told == [
            ("CreatedEvent", first),
            ("ModifiedEvent", first),
            ("CopiedEvent", copied),
            ("MovedEvent", message.id),
        ]
        moved = next(event for event in notification.events if type(event).__name__ == "MovedEvent")
        assert (moved.old_item_id.id, moved.parent_folder_id.id) == (first, account.inbox.id)
        assert moved.old_parent_folder_id.id == account.drafts.id
        counts = [event for event in notification.events if event.folder_id is not None]
        assert {event.folder_id.id for event in counts} == {account.drafts.id}
        # The same watermark gives the same events again; the last one gives nothing.
        again = account.drafts.get_events(subscription, status[0].events[-1].watermark)
        assert items_of(again) == told
        end = list(account.drafts.get_events(subscription, notification.events[-1].watermark))
        assert items_of(end) == []
        account.drafts.get(id=copied).delete()
        gone = account.drafts.get_events(subscription, end[0].events[-1].watermark)
        assert items_of(gone) == [("DeletedEvent", copied)]
    with pytest.raises(ErrorSubscriptionNotFound):
        list(account.drafts.get_events(subscription, watermark))


def test_only_what_was_asked_for_is_told(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account = account_of(exchanges.alpha, anna)
    inbox, watermark = account.inbox.subscribe_to_pull(event_types=["NewMailEvent"])
    calendar, started = account.calendar.subscribe_to_pull(event_types=["FreeBusyChangedEvent"])
    Message(account=account, folder=account.drafts, subject="Not this").save()
    Message(account=account, subject="This", to_recipients=[anna.smtp]).send()
    begin = datetime.now(UTC)
    meeting = CalendarItem(account=account, folder=account.calendar, subject="x", start=begin)
    meeting.end = begin + timedelta(hours=1)
    meeting.save()

    def told(folder: Any, subscription: str, since: str) -> list[tuple[str, str]]:
        return items_of(folder.get_events(subscription, since))

    until(lambda: bool(told(account.inbox, inbox, watermark)))
    assert [name for name, _ in told(account.inbox, inbox, watermark)] == ["NewMailEvent"]
    assert told(account.calendar, calendar, started) == [("FreeBusyChangedEvent", meeting.id)]
    with pytest.raises(ErrorInvalidWatermark):
        told(account.inbox, inbox, "AAAA")


def test_many_events_come_in_parts(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    subscription, watermark = account.drafts.subscribe_to_pull(event_types=["CreatedEvent"])
    account.bulk_create(account.drafts, [Message(account=account, subject=str(number)) for number in range(120)])
    told, more = 0, True
    while more:
        # While there is more, exchangelib itself would ask with the same watermark for ever.
        notification = next(account.drafts.get_events(subscription, watermark))
        told += len(items_of([notification]))
        watermark, more = notification.events[-1].watermark, notification.more_events
    assert told == 120


def test_a_stream_tells_at_once_and_closes_in_time(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    account, other = account_of(exchanges.alpha, anna), impersonated(exchanges.alpha, anna)
    with (
        conditions(exchanges.alpha, limits={"minute_seconds": 4}),
        account.inbox.streaming_subscription(event_types=["CreatedEvent"]) as subscription,
    ):
        started = threading.Event()

        def work() -> None:
            started.wait()
            for subject in ("One", "Two"):
                Message(account=other, folder=other.inbox, subject=subject).save()

        worker = threading.Thread(target=work)
        worker.start()
        stream = account.inbox.get_streaming_events(subscription, connection_timeout=1)
        started.set()
        told = items_of(stream)  # ends when the server closes the connection
        worker.join()
    assert len(told) == 2


def test_a_subscription_to_all_folders_hears_of_all(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    subscription, watermark = account.subscribe_to_pull(event_types=["CreatedEvent"])
    for folder in (account.drafts, account.tasks):
        Message(account=account, folder=folder, subject="x").save()
    assert len(items_of(account.inbox.get_events(subscription, watermark))) == 2


def subscribe(kind: str, more: str = "") -> str:
    return (
        f'<m:Subscribe><m:{kind}SubscriptionRequest SubscribeToAllFolders="true"><t:EventTypes>'
        f"<t:EventType>CreatedEvent</t:EventType></t:EventTypes>{more}</m:{kind}SubscriptionRequest></m:Subscribe>"
    )


PULL = subscribe("Pull", "<t:Timeout>1</t:Timeout>")


def text_of(answer: str, name: str) -> str:
    [found] = re.findall(rf"<\w+:{name}>([^<]+)<", answer)
    return str(found)


def test_a_mailbox_has_so_many_subscriptions_and_they_expire(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    with conditions(exchanges.alpha, throttling={"max_subscriptions": 2}, limits={"minute_seconds": 60}):
        ids = [text_of(ask(exchanges.alpha, anna, PULL).text, "SubscriptionId") for _ in range(2)]
        assert ask(exchanges.alpha, anna, PULL).codes == ["ErrorExceededSubscriptionCount"]
        assert ask(exchanges.alpha, bert, PULL).codes == ["NoError"]
        end = f"<m:Unsubscribe><m:SubscriptionId>{ids[0]}</m:SubscriptionId></m:Unsubscribe>"
        assert ask(exchanges.alpha, bert, end).codes == ["ErrorSubscriptionAccessDenied"]
        assert ask(exchanges.alpha, anna, end).codes == ["NoError"]
        assert ask(exchanges.alpha, anna, end).codes == ["ErrorSubscriptionNotFound"]
        assert ask(exchanges.alpha, anna, PULL).codes == ["NoError"]
    with conditions(exchanges.alpha, limits={"minute_seconds": 0.001}):
        answer = ask(exchanges.alpha, anna, PULL).text
        get = (
            f"<m:GetEvents><m:SubscriptionId>{text_of(answer, 'SubscriptionId')}</m:SubscriptionId>"
            f"<m:Watermark>{text_of(answer, 'Watermark')}</m:Watermark></m:GetEvents>"
        )
        assert ask(exchanges.alpha, anna, get).codes == ["ErrorSubscriptionNotFound"]


def test_who_may_not_read_is_told_nothing(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    folders = (
        f'<t:FolderIds><t:DistinguishedFolderId Id="inbox"><t:Mailbox><t:EmailAddress>{anna.smtp}</t:EmailAddress>'
        "</t:Mailbox></t:DistinguishedFolderId></t:FolderIds>"
    )
    hers = PULL.replace(' SubscribeToAllFolders="true"', "").replace("<t:EventTypes>", f"{folders}<t:EventTypes>")
    assert ask(exchanges.alpha, anna, hers).codes == ["NoError"]
    assert ask(exchanges.alpha, bert, hers).codes in (["ErrorAccessDenied"], ["ErrorFolderNotFound"])


class Stream:
    """A plain connection to GetStreamingEvents; the answer's parts as they come."""

    def __init__(self, exchange: Exchange, person: Person, *ids: str) -> None:
        wanted = "".join(f"<t:SubscriptionId>{each}</t:SubscriptionId>" for each in ids)
        self.answer = requests.post(
            exchange.ews,
            data=ENVELOPE.format(
                header="",
                body=f"<m:GetStreamingEvents><m:SubscriptionIds>{wanted}</m:SubscriptionIds>"
                "<m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>",
            ).encode(),
            auth=(person.principal, person.password),
            headers={"Content-Type": "text/xml"},
            verify=str(exchange.authority),
            stream=True,
            timeout=30,
        )
        self._parts: Iterator[bytes] = self.answer.iter_content(chunk_size=None)

    def part(self) -> str:
        return next(self._parts).decode()

    def rest(self) -> str:
        return b"".join(self._parts).decode()


def test_what_a_connection_says(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    policy = {"hanging_connections": 2}
    with conditions(exchanges.alpha, limits={"minute_seconds": 600}, throttling=policy):
        one = text_of(ask(exchanges.alpha, anna, subscribe("Streaming")).text, "SubscriptionId")
        two = text_of(ask(exchanges.alpha, anna, subscribe("Streaming")).text, "SubscriptionId")
        first = Stream(exchanges.alpha, anna, one, two)
        assert "<m:ConnectionStatus>OK<" in first.part()
        second = Stream(exchanges.alpha, anna, two)
        assert "<m:ConnectionStatus>OK<" in second.part()
        assert "ErrorNewEventStreamConnectionOpened" in first.rest()
        third = Stream(exchanges.alpha, anna, one)
        assert "OK" in third.part()
        refused = Stream(exchanges.alpha, anna, one)
        assert refused.answer.status_code == 500
        assert "ErrorExceededConnectionCount" in refused.rest()
        ask(exchanges.alpha, anna, f"<m:Unsubscribe><m:SubscriptionId>{one}</m:SubscriptionId></m:Unsubscribe>")
        ended = third.rest()
        assert f"<m:ErrorSubscriptionIds><m:SubscriptionId>{one}<" in ended
        assert "ErrorSubscriptionNotFound" in Stream(exchanges.alpha, anna, one).rest()
        assert "ErrorInvalidSubscriptionRequest" in Stream(exchanges.alpha, anna, *[two] * 201).rest()
        second.answer.close()
    with conditions(exchanges.alpha, limits={"minute_seconds": 0.4}):
        two = text_of(ask(exchanges.alpha, anna, subscribe("Streaming")).text, "SubscriptionId")
        said = re.findall(r"ConnectionStatus>(\w+)<", Stream(exchanges.alpha, anna, two).rest())
    assert said == ["OK", "OK", "Closed"]  # at once, a heartbeat, the end


class Listener:
    """A client's HTTP server that takes notifications; ``says`` is what it answers."""

    def __init__(self, says: list[int | bytes]) -> None:
        self.heard: queue.Queue[bytes] = queue.Queue()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = says.pop(0) if len(says) > 1 else says[0]
                self.send_response(answer if isinstance(answer, int) else 200)
                content = b"" if isinstance(answer, int) else answer
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                listener.heard.put(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def push(account: Account, listener: Listener) -> None:
    account.drafts.subscribe_to_push(callback_url=listener.url, event_types=["CreatedEvent"], status_frequency=1)


def test_push_calls_the_client_until_it_wants_no_more(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    service = SendNotification(protocol=account.protocol)
    listener = Listener([service.ok_payload(), service.ok_payload(), service.unsubscribe_payload()])
    with conditions(exchanges.alpha, limits={"minute_seconds": 600}), listener.listening():
        push(account, listener)
        [first] = service.parse(listener.heard.get(timeout=20))
        assert [type(event).__name__ for event in first.events] == ["StatusEvent"]
        made = []
        for _ in range(2):
            made.append(Message(account=account, folder=account.drafts, subject="x").save().id)
            told = service.parse(listener.heard.get(timeout=20))
            assert items_of(told) == [("CreatedEvent", made[-1])]
        Message(account=account, folder=account.drafts, subject="Not told").save()
        with pytest.raises(queue.Empty):
            listener.heard.get(timeout=0.3)


def test_push_is_tried_again_and_ends(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    service = SendNotification(protocol=account.protocol)
    with conditions(exchanges.alpha, limits={"minute_seconds": 3}):
        listener = Listener([503, b"no xml", service.ok_payload()])
        with listener.listening():
            push(account, listener)
            first, second, third = (listener.heard.get(timeout=20) for _ in range(3))
            assert first == second == third
            listener.heard.get(timeout=20)  # the next status, after its time
    account = account_of(exchanges.alpha, office.alpha("bert"))
    with conditions(exchanges.alpha, limits={"minute_seconds": 0.3}, throttling={"max_subscriptions": 1}):
        deaf = Listener([500])
        with deaf.listening():
            push(account, deaf)
            for _ in range(6):  # the first call and five more
                deaf.heard.get(timeout=20)
            with pytest.raises(queue.Empty):
                deaf.heard.get(timeout=0.5)
        assert ask_again(exchanges.alpha, account) == ["NoError"]


def ask_again(exchange: Exchange, account: Account) -> list[str]:
    """Whether there is room for a subscription again."""
    credentials = account.protocol.credentials
    answer = requests.post(
        exchange.ews,
        data=ENVELOPE.format(header="", body=PULL).encode(),
        auth=(credentials.username, credentials.password),
        headers={"Content-Type": "text/xml"},
        verify=str(exchange.authority),
        timeout=30,
    )
    return re.findall(r"<\w+:ResponseCode>(\w+)<", answer.text)


def test_a_restart_ends_subscriptions(forests: Forests, units: Units, tmp_path: Any) -> None:
    exchange = build(forests, tmp_path).alpha
    with running(exchange.program, log_folder=tmp_path):
        anna = exchange.hire(units.alpha, "anna")
        answer = ask(exchange, anna, PULL).text
        subscription, watermark = text_of(answer, "SubscriptionId"), text_of(answer, "Watermark")
    with running(exchange.program, log_folder=tmp_path):
        get = (
            f"<m:GetEvents><m:SubscriptionId>{subscription}</m:SubscriptionId>"
            f"<m:Watermark>{watermark}</m:Watermark></m:GetEvents>"
        )
        assert ask(exchange, anna, get).codes == ["ErrorSubscriptionNotFound"]
        since = subscribe("Pull", f"<t:Watermark>{watermark}</t:Watermark><t:Timeout>1</t:Timeout>")
        assert ask(exchange, anna, since).codes == ["ErrorInvalidWatermark"]
        assert ask(exchange, anna, GET_INBOX).codes == ["NoError"]
