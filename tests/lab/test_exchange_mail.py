"""Mail between people and between organisations: routing, redirection, groups, reports, and a server that was away."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from exchangelib import FileAttachment, HTMLBody, Mailbox, Message
from isthmus_lab.exchange.mail.routing import encapsulate

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Exchanges, Office, Person


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """What the probe gives once it gives something."""
    deadline = time.monotonic() + 60
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still no {what}"
        time.sleep(0.1)
    return found


def arrived(exchange: Exchange, person: Person, subject: str) -> Message:
    """The message of that subject in the person's Inbox, as soon as it is there."""
    inbox = account_of(exchange, person).inbox
    return eventually(lambda: next(iter(inbox.filter(subject__contains=subject)), None), f"mail {subject!r}")


def send(exchange: Exchange, person: Person, subject: str, *recipients: str, **more: Any) -> None:
    """Sends by EWS, with a copy in Sent Items."""
    account = account_of(exchange, person)
    message = Message(account=account, folder=account.sent, subject=subject, to_recipients=list(recipients), **more)
    message.send_and_save()


def test_mail_inside_an_organisation(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    account = account_of(exchanges.alpha, anna)
    message = Message(
        account=account,
        folder=account.drafts,
        subject="Grüße aus dem Büro",
        body=HTMLBody("<p>Schöne <b>Grüße</b></p>"),
        to_recipients=[Mailbox(name="Bert", email_address=bert.smtp)],
    )
    message.attach(FileAttachment(name="Übersicht.txt", content=b"one\r\ntwo\r\n"))
    message.save()
    message.send(save_copy=True)
    found = arrived(exchanges.alpha, bert, "Grüße aus dem Büro")
    assert (found.sender.email_address, found.author.email_address) == (anna.smtp, anna.smtp)
    assert not found.is_read
    assert not found.is_draft
    assert "<b>Grüße</b>" in found.body
    assert [(each.name, each.content) for each in found.attachments] == [("Übersicht.txt", b"one\r\ntwo\r\n")]
    assert found.to_recipients[0].email_address == bert.smtp
    assert found.received_by.email_address == bert.smtp
    (kept,) = account.sent.all()
    assert (kept.subject, kept.is_read, kept.is_draft) == ("Grüße aus dem Büro", True, False)
    assert kept.message_id == found.message_id
    assert account.drafts.all().count() == 0


def test_mail_to_the_other_organisation(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.beta("bert")
    send(exchanges.alpha, anna, "Across", bert.smtp, body="text")
    assert arrived(exchanges.beta, bert, "Across").sender.email_address == anna.smtp


def test_redirection_sends_mail_to_the_other_mailbox_at_once(exchanges: Exchanges, office: Office) -> None:
    sender, old, new = office.alpha("sara"), office.alpha("tom"), office.beta("tom")
    send(exchanges.alpha, sender, "Before", old.smtp)
    assert arrived(exchanges.alpha, old, "Before")
    redirected = f"{new.account}@{exchanges.beta.organisation.redirection_domain}"
    exchanges.alpha.change(old.dn, targetAddress=[f"SMTP:{redirected}"])
    time.sleep(2)  # the server may go by what the forest said until then, and no longer
    send(exchanges.alpha, sender, "After", old.smtp)
    assert arrived(exchanges.beta, new, "After")
    assert account_of(exchanges.alpha, old).inbox.filter(subject="After").count() == 0


def test_an_old_address_keeps_working(exchanges: Exchanges, office: Office) -> None:
    lost = exchanges.beta.organisation.legacy_exchange_dn("gone (old)")
    anna = office.alpha("anna")
    bert = office.alpha("bert", proxyAddresses=[f"SMTP:b.{anna.account}@alpha.test", f"X500:{lost}"])
    send(exchanges.alpha, anna, "By X500", encapsulate(lost, "alpha.test"))
    assert arrived(exchanges.alpha, bert, "By X500")


def test_a_group_reaches_each_member_once(exchanges: Exchanges, office: Office) -> None:
    anna, bert, carl = office.alpha("anna"), office.alpha("bert"), office.beta("carl")
    unit = anna.dn.partition(",")[2]
    inner, outer = (f"CN={name},{unit}" for name in ("Inner", "Outer"))
    address = f"team.{anna.account}@alpha.test"
    with exchanges.alpha.forest.connect() as connection:
        forest: Any = connection  # its methods have no types
        forest.add(f"CN=Carl,{unit}", ["contact"], {"mail": carl.smtp, "targetAddress": f"SMTP:{carl.smtp}"})
        forest.add(inner, ["group"], {"sAMAccountName": f"i-{anna.account}", "member": [bert.dn, f"CN=Carl,{unit}"]})
        values = {"mail": address, "proxyAddresses": [f"SMTP:{address}"], "member": [bert.dn, inner]}
        forest.add(outer, ["group"], {"sAMAccountName": f"o-{anna.account}", **values})
        forest.modify(inner, {"member": [("MODIFY_ADD", [outer])]})  # a circle
    send(exchanges.alpha, anna, "To all", address, bert.smtp)
    assert arrived(exchanges.beta, carl, "To all")
    assert arrived(exchanges.alpha, bert, "To all")
    send(exchanges.alpha, anna, "Afterwards", bert.smtp)
    arrived(exchanges.alpha, bert, "Afterwards")
    assert account_of(exchanges.alpha, bert).inbox.filter(subject="To all").count() == 1


@pytest.mark.parametrize(("address", "status"), [("nobody@alpha.test", "5.1.10"), ("nobody@nowhere.test", "5.4.310")])
def test_what_nobody_takes_is_reported(exchanges: Exchanges, office: Office, address: str, status: str) -> None:
    anna = office.alpha("anna")
    send(exchanges.alpha, anna, "Lost", address)
    report = arrived(exchanges.alpha, anna, "Undeliverable: Lost")
    assert address in report.body
    assert status in report.body


def test_strangers_deliver_by_smtp_and_do_not_relay(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "out@side.test", anna.smtp, "From outside"
    message.set_content("Hallo Wörld\n.\nend\n")
    with smtplib.SMTP(*exchanges.alpha.smtp) as client:
        client.starttls(context=exchanges.alpha.tls())
        client.send_message(message)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("out@side.test", ["someone@nowhere.test"], b"Subject: relay\r\n\r\n")
    found = arrived(exchanges.alpha, anna, "From outside")
    assert "Hallo Wörld" in found.text_body
    assert found.text_body.splitlines()[1:] == [".", "end"]
    assert any(header.name == "Received" for header in found.headers)


def test_mail_that_goes_round_in_circles_is_reported(exchanges: Exchanges, office: Office) -> None:
    sender, here, there = office.alpha("otto"), office.alpha("pia"), office.beta("pia")
    exchanges.alpha.change(here.dn, targetAddress=[f"SMTP:{there.smtp}"])
    exchanges.beta.change(there.dn, targetAddress=[f"SMTP:{here.smtp}"])
    send(exchanges.alpha, sender, "Round", here.smtp)
    assert "5.4.14" in arrived(exchanges.alpha, sender, "Undeliverable: Round").body
