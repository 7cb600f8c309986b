"""Plain-old-XML Autodiscover for Outlook ([MS-OXDSCLI])."""

from __future__ import annotations

from typing import Final, cast

from lxml import etree

from ..directory import Recipient
from ..ews.call import Services
from ..ews.names import Element
from ..ews.versions import VERSIONS
from ..validation import Validation
from .facts import alternates, client_server, settings_of
from .finding import Elsewhere, add, find, parse, written

_REQUEST: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


def pox(services: Services, validation: Validation, url: str, body: bytes) -> bytes:
    """The answer to a request by EMailAddress or LegacyDN."""
    wanted = parse(body)
    wrong = validation.autodiscover_request("pox-request", wanted, body)
    root = etree.Element(f"{{{_RESPONSE}}}Autodiscover", None, cast("dict[str, str]", {None: _RESPONSE}))
    _answer(root, services, url, None if wrong else wanted)
    validation.autodiscover_answer("pox-response", root)
    return written(root)


def _answer(root: Element, services: Services, url: str, wanted: Element | None) -> None:
    named = None
    if wanted is not None:
        named = wanted.findtext(f".//{{{_REQUEST}}}EMailAddress") or wanted.findtext(f".//{{{_REQUEST}}}LegacyDN")
    if wanted is None or not named:
        _error(root, _RESPONSE, "600", "Invalid Request")
        return
    schema = wanted.findtext(f".//{{{_REQUEST}}}AcceptableResponseSchema") or ""
    if schema.strip() != _OUTLOOK:
        _error(root, _RESPONSE, "601", "Provider is not available")
        return
    found = find(services, named.strip())
    if found is None:
        _error(root, _OUTLOOK, "500", "The email address can't be found.")
        return
    response = _response(root, _OUTLOOK)
    person = found.person
    user = add(response, _OUTLOOK, "User")
    add(user, _OUTLOOK, "DisplayName", person.name)
    add(user, _OUTLOOK, "LegacyDN", person.legacy_dn or "")
    add(user, _OUTLOOK, "AutoDiscoverSMTPAddress", person.smtp or named)
    add(user, _OUTLOOK, "DeploymentId", str(person.guid))
    account = add(response, _OUTLOOK, "Account")
    add(account, _OUTLOOK, "AccountType", "email")
    if isinstance(found, Elsewhere):
        if found.url is None:
            add(account, _OUTLOOK, "Action", "redirectAddr")
            add(account, _OUTLOOK, "RedirectAddr", found.address)
        else:
            add(account, _OUTLOOK, "Action", "redirectUrl")
            add(account, _OUTLOOK, "RedirectUrl", f"{found.url}.xml")
    else:
        add(account, _OUTLOOK, "Action", "settings")
        add(account, _OUTLOOK, "MicrosoftOnline", "False")
        _settings(account, services, url, person)


def _settings(account: Element, services: Services, url: str, person: Recipient) -> None:
    settings = settings_of(services, url, person)
    build = VERSIONS[services.settings.version].build
    for kind in ("EXCH", "EXPR"):
        protocol = add(account, _OUTLOOK, "Protocol")
        add(protocol, _OUTLOOK, "Type", kind)
        if kind == "EXCH":
            add(protocol, _OUTLOOK, "Server", client_server(person))
            add(protocol, _OUTLOOK, "ServerDN", f"{person.legacy_dn}/cn=Server")
            add(protocol, _OUTLOOK, "ServerVersion", f"{build[0] << 26 | build[1] << 20 | 0x8000 | build[2]:08X}")
            add(protocol, _OUTLOOK, "MdbDN", f"{person.legacy_dn}/cn=Server/cn=Microsoft Private MDB")
            add(protocol, _OUTLOOK, "AD", settings["ActiveDirectoryServer"])
        else:
            add(protocol, _OUTLOOK, "Server", services.settings.host_name)
            add(protocol, _OUTLOOK, "SSL", "On")
            add(protocol, _OUTLOOK, "AuthPackage", "Basic")
        for name in ("ASUrl", "EwsUrl"):
            add(protocol, _OUTLOOK, name, settings["ExternalEwsUrl"])
        add(protocol, _OUTLOOK, "EcpUrl", settings["ExternalEcpUrl"])
    for other in alternates(person):
        node = add(account, _OUTLOOK, "AlternativeMailbox")
        add(node, _OUTLOOK, "Type", other.kind)
        add(node, _OUTLOOK, "DisplayName", other.name)
        add(node, _OUTLOOK, "LegacyDN", other.legacy_dn)
        add(node, _OUTLOOK, "Server", other.server)
    if "PublicFolderInformation" in settings:
        add(
            add(account, _OUTLOOK, "PublicFolderInformation"),
            _OUTLOOK,
            "SmtpAddress",
            settings["PublicFolderInformation"],
        )


def _response(root: Element, namespace: str) -> Element:
    return etree.SubElement(root, f"{{{namespace}}}Response", None, cast("dict[str, str]", {None: namespace}))


def _error(root: Element, namespace: str, code: str, message: str) -> None:
    error = add(_response(root, namespace), namespace, "Error", Time="00:00:00.0000000", Id="0")
    add(error, namespace, "ErrorCode", code)
    add(error, namespace, "Message", message)
    add(error, namespace, "DebugData")
