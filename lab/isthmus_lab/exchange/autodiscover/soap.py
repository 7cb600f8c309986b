"""SOAP Autodiscover ([MS-OXWSADISC]): GetUserSettings, GetDomainSettings, GetFederationInformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from lxml import etree

from ..directory import Recipient
from ..ews.call import Services
from ..ews.names import SOAP, Element
from ..ews.versions import VERSIONS
from ..validation import Validation
from .facts import alternates, settings_of
from .finding import Elsewhere, add, find, parse, written

_SOAP: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_ADDRESSING: Final = "http://www.w3.org/2005/08/addressing"
_MOST: Final = 100
"""Users, or domains, of one request."""


def soap(services: Services, validation: Validation, url: str, body: bytes) -> bytes:
    """The answer in its envelope."""
    request = parse(body)
    wrong = validation.autodiscover_request("autodiscover-envelope", request, body)
    content = None if request is None else request.find(f"{{{SOAP}}}Body")
    operation = content[0] if content is not None and len(content) else None
    name = "" if operation is None else str(operation.tag).rpartition("}")[2].removesuffix("RequestMessage")
    action = name if name in _OPERATIONS else "GetUserSettings"
    envelope = etree.Element(f"{{{SOAP}}}Envelope", None, {"s": SOAP, "a": _ADDRESSING})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    add(header, _ADDRESSING, "Action", f"{_SOAP}/Autodiscover/{action}Response")
    version = VERSIONS[services.settings.version]
    info = etree.SubElement(header, f"{{{_SOAP}}}ServerVersionInfo", None, {"h": _SOAP})
    names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    for each, number in zip(names, version.build, strict=True):
        add(info, _SOAP, each, str(number))
    add(info, _SOAP, "Version", version.schema)
    answer = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    used = cast("dict[str, str]", {None: _SOAP, "i": _XSI})
    response = add(etree.SubElement(answer, f"{{{_SOAP}}}{action}ResponseMessage", None, used), _SOAP, "Response")
    if operation is None or name not in _OPERATIONS:
        _said(response, "InvalidRequest", f"This server answers {', '.join(_OPERATIONS)}.")
    elif wrong:
        _said(response, "InvalidRequest", wrong)
    else:
        _OPERATIONS[name](response, services, url, operation)
    validation.autodiscover_answer("autodiscover-envelope", envelope)
    return written(envelope)


def _user_settings(response: Element, services: Services, url: str, operation: Element) -> None:
    wanted = [each.text or "" for each in operation.iter(f"{{{_SOAP}}}Setting")]
    users = [(each.text or "").strip() for each in operation.iter(f"{{{_SOAP}}}Mailbox")]
    if not wanted or not users or len(users) > _MOST:
        _said(response, "InvalidRequest", f"A request names settings, and between one and {_MOST} users.")
        return
    _said(response, "NoError", "")
    responses = add(response, _SOAP, "UserResponses")
    for address in users:
        _user(add(responses, _SOAP, "UserResponse"), services, url, address, wanted)


def _user(node: Element, services: Services, url: str, address: str, wanted: list[str]) -> None:
    found = find(services, address)
    if found is None:
        _said(node, "InvalidUser", f"Invalid user: '{address}'")
        _target(node, None)
    elif isinstance(found, Elsewhere):
        code = "RedirectAddress" if found.url is None else "RedirectUrl"
        _said(node, code, "Redirection address." if found.url is None else "Redirection url.")
        _target(node, found.address if found.url is None else f"{found.url}.svc")
    else:
        _said(node, "NoError", "No error.")
        _target(node, None)
    errors, shown = add(node, _SOAP, "UserSettingErrors"), add(node, _SOAP, "UserSettings")
    if found is None or isinstance(found, Elsewhere):
        return
    settings = settings_of(services, url, found.person)
    for name in dict.fromkeys(wanted):
        if name == "AlternateMailboxes" and alternates(found.person):
            _alternates(_setting(shown, name, "AlternateMailboxCollectionSetting"), found.person)
        elif name in settings:
            add(_setting(shown, name, "StringSetting"), _SOAP, "Value", settings[name])
        else:
            error = add(errors, _SOAP, "UserSettingError")
            _said(error, "SettingIsNotAvailable", "The setting is not available.")
            add(error, _SOAP, "SettingName", name)


def _setting(shown: Element, name: str, kind: str) -> Element:
    setting = add(shown, _SOAP, "UserSetting")
    setting.set(f"{{{_XSI}}}type", kind)
    add(setting, _SOAP, "Name", name)
    return setting


def _alternates(setting: Element, person: Recipient) -> None:
    listed = add(setting, _SOAP, "AlternateMailboxes")
    for other in alternates(person):
        node = add(listed, _SOAP, "AlternateMailbox")
        for name, value in (
            ("Type", other.kind),
            ("DisplayName", other.name),
            ("LegacyDN", other.legacy_dn),
            ("Server", other.server),
        ):
            add(node, _SOAP, name, value)


def _domain_settings(response: Element, services: Services, url: str, operation: Element) -> None:
    settings = {
        "ExternalEwsUrl": f"{url}/EWS/Exchange.asmx",
        "ExternalEwsVersion": ".".join(map(str, VERSIONS[services.settings.version].build)),
    }
    wanted = [each.text or "" for each in operation.iter(f"{{{_SOAP}}}Setting")]
    domains = [(each.text or "").strip() for each in operation.iter(f"{{{_SOAP}}}Domain")]
    if not wanted or not domains or len(domains) > _MOST:
        _said(response, "InvalidRequest", f"A request names settings, and between one and {_MOST} domains.")
        return
    _said(response, "NoError", "")
    responses = add(response, _SOAP, "DomainResponses")
    for name in domains:
        node = add(responses, _SOAP, "DomainResponse")
        redirection = services.settings.autodiscover_urls.get(name.lower())
        known = name.lower() in services.transport.accepted
        if known:
            _said(node, "NoError", "")
        elif redirection is not None:
            _said(node, "RedirectUrl", "Redirection url.")
        else:
            _said(node, "InvalidDomain", f"Invalid domain: '{name}'")
        errors, shown = add(node, _SOAP, "DomainSettingErrors"), add(node, _SOAP, "DomainSettings")
        for each in wanted if known else ():
            if each in settings:
                setting = add(shown, _SOAP, "DomainSetting")
                setting.set(f"{{{_XSI}}}type", "DomainStringSetting")
                add(setting, _SOAP, "Name", each)
                add(setting, _SOAP, "Value", settings[each])
            else:
                error = add(errors, _SOAP, "DomainSettingError")
                _said(error, "SettingIsNotAvailable", "The setting is not available.")
                add(error, _SOAP, "SettingName", each)
        _target(node, f"{redirection}.svc" if redirection is not None and not known else None)


def _federation_information(response: Element, _: Services, __: str, ___: Element) -> None:
    """No organisation of the lab has a federation trust."""
    _said(response, "NotFederated", "The organisation has no federation trust.")
    for name in ("ApplicationUri", "Domains", "TokenIssuers"):
        add(response, _SOAP, name).set(f"{{{_XSI}}}nil", "true")


def _said(node: Element, code: str, message: str) -> None:
    add(node, _SOAP, "ErrorCode", code)
    add(node, _SOAP, "ErrorMessage", message)


def _target(node: Element, target: str | None) -> None:
    shown = add(node, _SOAP, "RedirectTarget", target)
    if target is None:
        shown.set(f"{{{_XSI}}}nil", "true")


_OPERATIONS: Final[dict[str, Callable[[Element, Services, str, Element], None]]] = {
    "GetUserSettings": _user_settings,
    "GetDomainSettings": _domain_settings,
    "GetFederationInformation": _federation_information,
}
