"""Who may log on to the lab's Exchange and act as whom; Autodiscover; what is refused and how."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
import requests
from exchangelib import DELEGATE, Account, Build, Credentials, FailFast, Message, Version
from exchangelib.autodiscover import Autodiscovery
from exchangelib.autodiscover.cache import autodiscover_cache
from exchangelib.autodiscover.protocol import AutodiscoverProtocol
from exchangelib.errors import (
    ErrorImpersonateUserDenied,
    ErrorNameResolutionNoResults,
    ErrorNonExistentMailbox,
    UnauthorizedError,
)

from tests.plugins.clients import account_of, configuration, impersonated
from tests.plugins.exchange import Exchange, Exchanges, Office


def test_every_form_of_the_name_is_accepted(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    for name in (anna.principal, f"ALPHA\\{anna.account}", anna.smtp):
        config = configuration(exchanges.alpha, name, anna.password)
        account = Account(anna.smtp, config=config, autodiscover=False, access_type=DELEGATE)
        assert account.inbox.total_count == 0


def test_a_wrong_password_is_refused(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    config = configuration(exchanges.alpha, anna.principal, "wrong", auth_type="basic", retry_policy=FailFast())
    with pytest.raises(UnauthorizedError):
        _ = Account(anna.smtp, config=config, autodiscover=False, access_type=DELEGATE).inbox


def test_only_members_of_the_group_impersonate(exchanges: Exchanges, office: Office) -> None:
    anna, bert = office.alpha("anna"), office.alpha("bert")
    assert impersonated(exchanges.alpha, anna).inbox.total_count == 0
    other = Account(
        anna.smtp,
        config=configuration(exchanges.alpha, bert.principal, bert.password),
        autodiscover=False,
        access_type="impersonation",
    )
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = other.inbox


def test_impersonating_nobody_says_so(exchanges: Exchanges) -> None:
    account = Account(
        "nobody@alpha.test",
        config=configuration(exchanges.alpha, *exchanges.alpha.service_account),
        autodiscover=False,
        access_type="impersonation",
    )
    with pytest.raises(ErrorNonExistentMailbox):
        _ = account.inbox


def test_a_user_without_a_mailbox_has_none(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna", homeMDB=None)
    with pytest.raises(ErrorNonExistentMailbox):
        _ = impersonated(exchanges.alpha, anna).inbox


def test_autodiscover_finds_the_server(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    credentials = Credentials(anna.principal, anna.password)
    config = configuration(exchanges.alpha, anna.principal, anna.password)
    # Nothing resolves alpha.test, so the lab's address stands in exchangelib's own cache, as after a first look-up.
    config.service_endpoint = exchanges.alpha.ews.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.svc")
    config.version = Version(build=Build(15, 1))
    autodiscover_cache[("alpha.test", credentials)] = AutodiscoverProtocol(config=config)
    answer, protocol = Autodiscovery(email=anna.smtp, credentials=credentials).discover()
    assert protocol.service_endpoint == exchanges.alpha.ews
    assert answer.autodiscover_smtp_address == anna.smtp
    account = Account(anna.smtp, credentials=credentials, autodiscover=True, access_type=DELEGATE)
    assert account.inbox.total_count == 0


def test_names_are_resolved(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("annabella", title=["Engineer"])
    protocol = account_of(exchanges.alpha, anna).protocol
    assert protocol.version.api_version == "Exchange2016"
    ((mailbox, contact),) = protocol.resolve_names([anna.name], return_full_contact_data=True)
    assert (mailbox.email_address, contact.job_title) == (anna.smtp, "Engineer")
    (found,) = protocol.resolve_names([f"smtp:{anna.smtp}"])
    assert found.name == anna.name
    (nobody,) = protocol.resolve_names(["nobody of that name"])
    assert isinstance(nobody, ErrorNameResolutionNoResults)


def test_time_zones_are_given(exchanges: Exchanges, office: Office) -> None:
    protocol = account_of(exchanges.alpha, office.alpha("anna")).protocol
    zones = {zone.id: zone for zone in protocol.get_timezones(return_full_timezone_data=True)}
    assert len(zones) > 100
    assert zones["W. Europe Standard Time"].name.startswith("(UTC+01:00)")
    assert len(zones["W. Europe Standard Time"].periods) == 2


def post(exchange: Exchange, body: str | bytes, user: tuple[str, str] | None) -> tuple[int, str]:
    """Status and text of a plain request."""
    answer = requests.post(
        exchange.ews,
        data=body,
        auth=user,
        headers={"Content-Type": "text/xml"},
        verify=str(exchange.authority),
        timeout=30,
    )
    return answer.status_code, answer.text


@pytest.mark.invalid_requests
def test_what_is_not_allowed_by_the_schema_is_refused(exchanges: Exchanges) -> None:
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body>{}</s:Body></s:Envelope>'
    )
    user = exchanges.alpha.service_account
    assert post(exchanges.alpha, envelope.format("<m:GetFolder/>"), None)[0] == 401
    for body in (envelope.format("<m:GetFolder><m:Wrong/></m:GetFolder>"), "<not", envelope.format("")):
        status, text = post(exchanges.alpha, body, user)
        assert status == 500
        assert "ErrorSchemaValidation" in text
    assert "ErrorInvalidOperation" in post(exchanges.alpha, envelope.format("<m:Nonsense/>"), user)[1]
    secret = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + envelope.format(
        "<m:GetFolder>&e;</m:GetFolder>"
    )
    assert "root:" not in post(exchanges.alpha, secret, user)[1]


def test_the_health_page_needs_no_name(exchanges: Exchanges) -> None:
    url = exchanges.alpha.ews.replace("/EWS/Exchange.asmx", "/healthz")
    with urllib.request.urlopen(url, context=exchanges.alpha.tls()) as answer:
        shown: Any = json.load(answer)
    assert shown["organisation"] == "alpha"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(exchanges.alpha.ews, context=exchanges.alpha.tls())


def test_a_password_is_needed_again_elsewhere(exchanges: Exchanges, office: Office) -> None:
    anna = office.alpha("anna")
    message = Message(account=account_of(exchanges.alpha, anna), subject="x")
    assert post(exchanges.beta, "<x/>", (anna.principal, anna.password))[0] == 401
    assert message.id is None
