"""NTLM, OAuth and management scopes: who comes into the lab's Exchange and as whom they may act."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from exchangelib import (
    DELEGATE,
    IMPERSONATION,
    NTLM,
    OAUTH2,
    Account,
    FailFast,
    Identity,
    OAuth2AuthorizationCodeCredentials,
)
from exchangelib.errors import ErrorImpersonateUserDenied, UnauthorizedError
from isthmus_lab.exchange.program import program
from isthmus_lab.exchange.settings import ImpersonationScope, TrustedIssuer
from isthmus_lab.program import running
from requests_ntlm import HttpNtlmAuth

from tests.plugins.clients import configuration
from tests.plugins.conditions import ENVELOPE, GET_INBOX, ask
from tests.plugins.exchange import Exchange, Person, build
from tests.plugins.forests import Forests, Units

ISSUER = "https://issuer.alpha.test/"
AUDIENCE = "https://mail.alpha.test/"
NARROW, WIDE = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"


@dataclass(frozen=True)
class Issuer:
    """Who signs tokens."""

    key: rsa.RSAPrivateKey

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        values = {"iss": ISSUER, "aud": AUDIENCE, "nbf": now, "exp": now + 600} | claims
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return jwt.encode({name: value for name, value in values.items() if value is not None}, pem, "RS256")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def exchange(forests: Forests, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A server with every way in, and scopes for a group, an application and no more."""
    folder: Path = tmp_path_factory.mktemp("logon")
    key = folder / "issuer.pem"
    key.write_bytes(issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    plain = build(forests, folder).alpha
    root = plain.organisation.root_ou
    settings = plain.settings.model_copy(
        update={
            "max_message_bytes": 20_000,
            "authentication": ("NTLM", "Basic", "Bearer"),
            "oauth": (TrustedIssuer(issuer=ISSUER, key=key, audiences=(AUDIENCE,)),),
            "impersonation_scopes": (
                ImpersonationScope(group=f"CN=Helpers,{root}", root=f"OU=Inside,{root}"),
                ImpersonationScope(application=NARROW, filter="(title=Engineer)"),
            ),
        }
    )
    started = replace(plain, settings=settings, program=program(settings, folder / "alpha", plain.authority))
    with plain.forest.connect() as untyped:
        connection: Any = untyped
        connection.add(f"OU=Inside,{root}", ["organizationalUnit"])
        connection.add(f"CN=Helpers,{root}", ["group"], {"sAMAccountName": "Helpers"})
    with running(started.program, log_folder=folder):
        yield started


def account(exchange: Exchange, person: Person, config: Any, access_type: str = DELEGATE) -> Account:
    return Account(person.smtp, config=config, autodiscover=False, access_type=access_type)


def test_ntlm_lets_in_whom_the_forest_accepts(exchange: Exchange, units: Units) -> None:
    anna = exchange.hire(units.alpha, "anna")
    # As the lab's people have it: their address, which may be longer than an account's name can be.
    address = f"somebody.with-a-long-name.{anna.account}@{exchange.organisation.mail_domain}"
    exchange.change(anna.dn, userPrincipalName=[address])
    for name in (f"ALPHA\\{anna.account}", address):
        config = configuration(exchange, name, anna.password, auth_type=NTLM, retry_policy=FailFast())
        assert account(exchange, anna, config).inbox.total_count == 0
    for name, password in ((f"ALPHA\\{anna.account}", "wrong"), (f"ALPHA\\nobody-{anna.account}", anna.password)):
        config = configuration(exchange, name, password, auth_type=NTLM, retry_policy=FailFast())
        with pytest.raises(UnauthorizedError):
            _ = account(exchange, anna, config).inbox


def test_ntlm_is_of_the_connection(exchange: Exchange, units: Units) -> None:
    anna = exchange.hire(units.alpha, "anna")
    body = ENVELOPE.format(header="", body=GET_INBOX)

    def post(session: requests.Session, **more: Any) -> requests.Response:
        headers = {"Content-Type": "text/xml"}
        return session.post(exchange.ews, body, headers=headers, verify=str(exchange.authority), timeout=30, **more)

    with requests.Session() as session:
        assert post(session, auth=HttpNtlmAuth(anna.principal, anna.password)).status_code == 200
        assert post(session).status_code == 200
    with requests.Session() as session:
        refused = post(session)
        assert refused.status_code == 401
        offered = [each.split()[0] for each in refused.raw.headers.getlist("WWW-Authenticate")]
        assert offered == ["NTLM", "Basic", "Bearer"]


def test_a_response_to_no_challenge_is_refused(exchange: Exchange) -> None:
    for message in ("TlRMTVNTUAADAAAA" + "A" * 88, "%%%", "TlRMTVNTUAABAAAA"):
        answer = requests.post(
            exchange.ews,
            data="x",
            headers={"Authorization": f"NTLM {message}"},
            verify=str(exchange.authority),
            timeout=30,
        )
        assert answer.status_code == 401


def impersonating(person: Person) -> str:
    return (
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>"
        f"{person.smtp}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
    )


def with_token(exchange: Exchange, person: Person, token: str, header: str = "") -> Any:
    headers = {"Content-Type": "text/xml", "Authorization": f"Bearer {token}", "X-AnchorMailbox": person.smtp}
    return ask(exchange, person, GET_INBOX, header=header, auth=None, headers=headers)


def test_exchangelib_brings_a_token(exchange: Exchange, units: Units, issuer: Issuer) -> None:
    anna = exchange.hire(units.alpha, "anna")

    def config(token: str, identity: Identity | None) -> Any:
        made = configuration(exchange, "", "", auth_type=OAUTH2, retry_policy=FailFast())
        made._credentials = OAuth2AuthorizationCodeCredentials(
            access_token={"access_token": token, "token_type": "Bearer"},
            identity=identity,
        )
        return made

    application = issuer.token(appid=WIDE, roles=["full_access_as_app"])
    whom = Identity(primary_smtp_address=anna.smtp)
    assert account(exchange, anna, config(application, whom), IMPERSONATION).inbox.total_count == 0
    person = issuer.token(upn=anna.principal, scp="EWS.AccessAsUser.All")
    assert account(exchange, anna, config(person, None)).drafts.total_count == 0


def test_an_application_needs_somebody_to_act_for(exchange: Exchange, units: Units, issuer: Issuer) -> None:
    anna = exchange.hire(units.alpha, "anna")
    token = issuer.token(appid=WIDE, roles=["full_access_as_app"])
    assert with_token(exchange, anna, token).codes == ["ErrorInvalidExchangeImpersonationHeaderData"]
    assert with_token(exchange, anna, token, impersonating(anna)).codes == ["NoError"]


@pytest.mark.parametrize(
    ("claims", "category"),
    [
        ({"exp": 1_000_000_000, "nbf": None}, "token_expired"),
        ({"nbf": 4_000_000_000, "exp": 4_000_000_600}, "token_not_yet_valid"),
        ({"aud": "https://elsewhere.test/"}, "invalid_audience"),
        ({"iss": "https://elsewhere.test/"}, "invalid_issuer"),
        ({"exp": None}, "invalid_token"),
        ({"roles": ["Mail.Read"]}, "invalid_grant"),
        ({"roles": [], "scp": "EWS.AccessAsUser.All", "upn": "nobody@corp.alpha.test"}, "invalid_user"),
    ],
)
def test_a_token_is_refused(
    exchange: Exchange, units: Units, issuer: Issuer, claims: dict[str, Any], category: str
) -> None:
    anna = exchange.hire(units.alpha, "anna")
    token = issuer.token(**{"appid": WIDE, "roles": ["full_access_as_app"]} | claims)
    answer = with_token(exchange, anna, token, impersonating(anna))
    assert answer.status == 401
    assert f'error_category="{category}"' in answer.headers["x-ms-diagnostics"]


def test_a_token_with_another_key_is_refused(exchange: Exchange, units: Units) -> None:
    anna = exchange.hire(units.alpha, "anna")
    forged = Issuer(rsa.generate_private_key(65537, 2048)).token(appid=WIDE, roles=["full_access_as_app"])
    none = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60, "appid": WIDE}, "", "none")
    for token in (forged, none, "nonsense"):
        assert with_token(exchange, anna, token, impersonating(anna)).status == 401


def test_an_application_may_have_a_scope(exchange: Exchange, units: Units, issuer: Issuer) -> None:
    anna, bert = exchange.hire(units.alpha, "anna", title=["Engineer"]), exchange.hire(units.alpha, "bert")
    token = issuer.token(appid=NARROW, roles=["full_access_as_app"])
    assert with_token(exchange, anna, token, impersonating(anna)).codes == ["NoError"]
    assert with_token(exchange, bert, token, impersonating(bert)).codes == ["ErrorImpersonateUserDenied"]


def test_a_group_may_have_a_scope(exchange: Exchange, units: Units) -> None:
    root = exchange.organisation.root_ou
    helper, outside = exchange.hire(units.alpha, "helper"), exchange.hire(units.alpha, "outside")
    inside = exchange.hire(f"OU=Inside,{root}", "inside")
    exchange.change(f"CN=Helpers,{root}", member=[helper.dn])
    config = configuration(exchange, helper.principal, helper.password, auth_type="basic")
    assert account(exchange, inside, config, IMPERSONATION).inbox.total_count == 0
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = account(exchange, outside, config, IMPERSONATION).inbox
    other = configuration(exchange, outside.principal, outside.password, auth_type="basic")
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = account(exchange, inside, other, IMPERSONATION).inbox


def test_a_message_may_be_so_large(exchange: Exchange, units: Units) -> None:
    anna = exchange.hire(units.alpha, "anna")

    def send(size: int) -> list[str]:
        return ask(
            exchange,
            anna,
            '<m:CreateItem MessageDisposition="SendOnly"><m:Items><t:Message><t:Subject>x</t:Subject>'
            f'<t:Body BodyType="Text">{"x" * size}</t:Body><t:ToRecipients><t:Mailbox><t:EmailAddress>{anna.smtp}'
            "</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>",
        ).codes

    assert send(1000) == ["NoError"]
    assert send(30_000) == ["ErrorMessageSizeExceeded"]
