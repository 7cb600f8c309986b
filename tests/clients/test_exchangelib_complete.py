"""exchangelib, unmodified: for each of its services the server has the operation.

What they do is shown here and in tests/lab, where it is tested together with what exchangelib cannot say.
"""

from __future__ import annotations

import pkgutil
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from exchangelib import services
from exchangelib.errors import ErrorAccessDenied
from exchangelib.ewsdatetime import EWSDateTime
from exchangelib.properties import Mailbox, MailTips, SearchableMailbox, SendingAs
from exchangelib.services import GetMailTips
from exchangelib.services.common import EWSService
from exchangelib.settings import OofSettings
from isthmus_lab.exchange.ews import operations
from isthmus_lab.exchange.ews.call import OPERATIONS

from tests.clients.conftest import Staff
from tests.plugins.clients import account_of

assert operations  # importing it registered the operations

ELSEWHERE = {"GetUserSettings", "SendNotification"}
"""One is Autodiscover's, the other a request of the server to its client."""


def all_services(base: type[EWSService]) -> set[str]:
    """The names of the requests of every service that exchangelib has, whether it names it or not."""
    names = {base.SERVICE_NAME} - {None}
    return names.union(*(all_services(each) for each in base.__subclasses__()))


def test_every_service_of_exchangelib_is_answered() -> None:
    for module in pkgutil.iter_modules(services.__path__):
        import_module(f"{services.__name__}.{module.name}")
    names = all_services(EWSService)
    known = {name.removesuffix("Request") for name in OPERATIONS}
    assert len(names) > 40
    assert names - known == ELSEWHERE


def test_mail_tips(staff: Staff) -> None:
    exchange, people = staff.exchange, staff.people
    ada, ben = account_of(exchange, people["ada"]), account_of(exchange, people["ben"])
    assert ada.mail_tips.recipient_address.email_address == people["ada"].smtp
    start = EWSDateTime.from_datetime(datetime.now(UTC).replace(microsecond=0))
    end = start + timedelta(days=2)
    ben.oof_settings = OofSettings(
        state=OofSettings.SCHEDULED, start=start, end=end, internal_reply="Gone fishing", external_reply="Away"
    )
    outside = f"CN=Gia Out,{people['ben'].dn.partition(',')[2]}"
    exchange.contact(outside, "gia@gamma.test")
    exchange.change(people["cleo"].dn, msExchSenderHintTranslations=["default:Ask twice", "de:Zweimal"])
    exchange.change(people["cleo"].dn, msExchEnableModeration=["TRUE"], authOrig=[people["ben"].dn])
    crew = exchange.group(people["ben"].dn.partition(",")[2], "crew", [people["ben"].dn, people["cleo"].dn, outside])
    recipients = [people["ben"].smtp, people["cleo"].smtp, crew, "nobody@alpha.test", "else@gamma.test"]
    told = list(
        GetMailTips(protocol=ada.protocol).call(
            sending_as=SendingAs(email_address=people["ada"].smtp),
            recipients=[Mailbox(email_address=each) for each in recipients],
            mail_tips_requested="All",
        )
    )
    assert all(isinstance(each, MailTips) for each in told), told
    one, two, group, nobody, other = told
    assert (one.out_of_office.reply_body, one.out_of_office.start, one.out_of_office.end) == (
        "Gone fishing",
        start,
        end,
    )
    assert (one.mailbox_full, one.custom_mail_tip, one.is_moderated, one.delivery_restricted) == (
        False,
        None,
        False,
        False,
    )
    assert (two.custom_mail_tip, two.is_moderated, two.delivery_restricted) == ("Ask twice", True, True)
    assert not two.out_of_office.reply_body
    assert (group.total_member_count, group.external_member_count, group.out_of_office) == (3, 1, None)
    assert [each.invalid_recipient for each in told] == [False, False, False, True, False]
    assert (nobody.recipient_address.email_address, other.external_member_count) == ("nobody@alpha.test", 1)


def test_searchable_mailboxes(staff: Staff) -> None:
    exchange, ada = staff.exchange, staff.people["ada"]
    with pytest.raises(ErrorAccessDenied):
        list(account_of(exchange, staff.people["ben"]).protocol.get_searchable_mailboxes(search_filter=ada.name))
    exchange.change(exchange.organisation.discovery_group, member=[ada.dn])
    account = account_of(exchange, ada)
    [own] = account.protocol.get_searchable_mailboxes(search_filter=f"{ada.name}*")
    assert isinstance(own, SearchableMailbox)
    assert (own.guid, own.primary_smtp_address) == (str(ada.mailbox), ada.smtp)
    assert (own.is_membership_group, own.reference_id) == (False, ada.legacy_dn)
    team = exchange.group(ada.dn.partition(",")[2], "searched", [each.dn for each in staff.people.values()])
    [group] = account.protocol.get_searchable_mailboxes(search_filter=team)
    assert (group.primary_smtp_address, group.is_membership_group) == (team, True)
    members = account.protocol.get_searchable_mailboxes(search_filter=team, expand_group_membership=True)
    assert {each.primary_smtp_address for each in members} == {each.smtp for each in staff.people.values()}
    everybody = {each.primary_smtp_address for each in account.protocol.get_searchable_mailboxes()}
    assert everybody >= {each.smtp for each in staff.people.values()}
