"""exchangelib, unmodified: automatic replies of people who are out of office."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from exchangelib import Account, Mailbox, Message
from exchangelib.errors import ErrorAccessDenied
from exchangelib.ewsdatetime import EWSDateTime
from exchangelib.services import GetUserOofSettings
from exchangelib.settings import OofSettings

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """What the probe gives once it gives something."""
    deadline = time.monotonic() + 60
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still no {what}"
        time.sleep(0.1)
    return found


def away(account: Account, **more: Any) -> None:
    values = {"state": "Enabled", "internal_reply": "Bin weg", "external_reply": "I am away"}
    account.oof_settings = OofSettings(**values | more)


def write(account: Account, to: Person, subject: str) -> None:
    Message(account=account, folder=account.sent, subject=subject, to_recipients=[to.smtp]).send_and_save()


def replies(account: Account) -> list[Any]:
    return list(account.inbox.filter(subject__startswith="Automatic reply"))


def machine(exchange: Exchange, to: Person, **headers: str) -> None:
    """A message by SMTP with these headers."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "robot@beta.test", to.smtp, "Probe"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("x")
    with smtplib.SMTP(*exchange.smtp) as client:
        client.starttls(context=exchange.tls())
        client.send_message(message)


def test_settings_come_back(exchanges: Exchanges, office: Office) -> None:
    account = account_of(exchanges.alpha, office.alpha("anna"))
    assert account.oof_settings.state == "Disabled"
    start = EWSDateTime.from_datetime(datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    away(account, state="Scheduled", start=start, end=start + timedelta(days=3), external_audience="Known")
    read = account.oof_settings
    assert (read.state, read.external_audience, read.internal_reply) == ("Scheduled", "Known", "Bin weg")
    assert (read.start, read.end, read.external_reply) == (start, start + timedelta(days=3), "I am away")
    other = account_of(exchanges.alpha, office.alpha("bert"))
    with pytest.raises(ErrorAccessDenied):
        GetUserOofSettings(account=other).get(mailbox=Mailbox(email_address=account.primary_smtp_address))


def test_everybody_gets_one_reply(exchanges: Exchanges, office: Office) -> None:
    absent, inside, outside = office.alpha("anna"), office.alpha("bert"), office.beta("carl")
    account = account_of(exchanges.alpha, absent)
    one, two = account_of(exchanges.alpha, inside), account_of(exchanges.beta, outside)
    write(one, absent, "Vorher")
    eventually(lambda: account.inbox.all().count() == 1, "mail")
    away(account)
    for number, sender in enumerate((one, two, one, two)):
        write(sender, absent, f"Frage {number}")
    (inner,) = eventually(lambda: replies(one), "internal reply")
    assert (inner.subject, inner.text_body.strip()) == ("Automatic reply: Frage 0", "Bin weg")
    assert inner.sender.email_address == absent.smtp
    (outer,) = eventually(lambda: replies(two), "external reply")
    assert (outer.subject, outer.text_body.strip()) == ("Automatic reply: Frage 1", "I am away")
    assert {each.name: each.value for each in outer.headers}["Auto-Submitted"] == "auto-generated"
    eventually(lambda: account.inbox.all().count() == 5, "mail")
    # Somebody else's mail that comes after shows that nothing more was on its way.
    away(account, internal_reply="Noch immer weg")
    write(one, absent, "Nochmal")
    eventually(lambda: len(replies(one)) == 2, "reply of the new settings")
    assert len(replies(two)) == 1
    account.oof_settings = OofSettings(state="Disabled")
    assert account.oof_settings.state == "Disabled"


def test_machines_strangers_and_the_absent_get_none(exchanges: Exchanges, office: Office) -> None:
    absent, also, outside = office.alpha("anna"), office.alpha("bert"), office.beta("carl")
    account, other, stranger = (
        account_of(exchanges.alpha, absent),
        account_of(exchanges.alpha, also),
        account_of(exchanges.beta, outside),
    )
    away(account, external_audience="None")
    away(other)
    machine(exchanges.alpha, also, Auto_Submitted="auto-generated")
    machine(exchanges.alpha, also, X_Auto_Response_Suppress="DR, OOF")
    machine(exchanges.alpha, also, List_Id="<list.beta.test>")
    write(stranger, absent, "Von aussen")
    write(other, absent, "Von innen")
    eventually(lambda: len(replies(other)) == 1, "reply between two who are away")
    eventually(lambda: account.inbox.all().count() == 2, "mail")
    eventually(lambda: other.inbox.all().count() == 4, "mail")
    assert replies(account) == []
    assert replies(stranger) == []
