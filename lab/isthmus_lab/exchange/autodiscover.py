"""Autodiscover: where a person's Exchange is, as POX ([MS-OXDSCLI]) and SOAP GetUserSettings ([MS-OXWSADISC]).

A person whose mail goes to another organisation (targetAddress) is sent there by their address.
"""

from __future__ import annotations

from typing import Final, cast

from lxml import etree

from .directory import Recipient
from .ews.call import Services
from .ews.names import SOAP, Element
from .ews.versions import VERSIONS
from .mail.routing import domain, smtp

_REQUEST: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_SOAP: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_ADDRESSING: Final = "http://www.w3.org/2005/08/addressing"


def pox(services: Services, url: str, _caller: Recipient, body: bytes) -> bytes:
    """The answer to a plain-old-XML request."""
    wanted = _parse(body)
    address = None if wanted is None else wanted.findtext(f".//{{{_REQUEST}}}EMailAddress")
    root = etree.Element(f"{{{_RESPONSE}}}Autodiscover", None, cast("dict[str, str]", {None: _RESPONSE}))
    if not address:
        response = etree.SubElement(root, f"{{{_RESPONSE}}}Response")
        error = _add(response, _RESPONSE, "Error", Time="00:00:00.0000000", Id="0")
        _add(error, _RESPONSE, "ErrorCode", "600")
        _add(error, _RESPONSE, "Message", "Invalid Request")
        return _bytes(root)
    response = etree.SubElement(root, f"{{{_OUTLOOK}}}Response", None, cast("dict[str, str]", {None: _OUTLOOK}))
    person = services.directory.by_address(address)
    elsewhere = None if person is None else _redirection(services, person)
    if person is None or (elsewhere is None and person.mailbox is None):
        error = _add(response, _OUTLOOK, "Error", Time="00:00:00.0000000", Id="0")
        _add(error, _OUTLOOK, "ErrorCode", "500")
        _add(error, _OUTLOOK, "Message", "The email address can't be found.")
        return _bytes(root)
    user = _add(response, _OUTLOOK, "User")
    _add(user, _OUTLOOK, "DisplayName", person.name)
    _add(user, _OUTLOOK, "LegacyDN", person.legacy_dn or "")
    _add(user, _OUTLOOK, "AutoDiscoverSMTPAddress", person.smtp or address)
    account = _add(response, _OUTLOOK, "Account")
    _add(account, _OUTLOOK, "AccountType", "email")
    if elsewhere is not None:
        _add(account, _OUTLOOK, "Action", "redirectAddr")
        _add(account, _OUTLOOK, "RedirectAddr", elsewhere)
        return _bytes(root)
    _add(account, _OUTLOOK, "Action", "settings")
    for kind in ("EXCH", "EXPR"):
        protocol = _add(account, _OUTLOOK, "Protocol")
        _add(protocol, _OUTLOOK, "Type", kind)
        _add(protocol, _OUTLOOK, "Server", services.settings.host_name)
        if kind == "EXCH":
            build = VERSIONS[services.settings.version].build
            _add(protocol, _OUTLOOK, "ServerVersion", f"{build[0] << 26 | build[1] << 20 | 0x8000 | build[2]:08X}")
        for name in ("ASUrl", "EwsUrl"):
            _add(protocol, _OUTLOOK, name, f"{url}/EWS/Exchange.asmx")
    return _bytes(root)


def soap(services: Services, url: str, _caller: Recipient, body: bytes) -> bytes:
    """The answer to a SOAP request: GetUserSettings for one or many people."""
    request = _parse(body)
    content = None if request is None else request.find(f"{{{SOAP}}}Body")
    operation = content[0] if content is not None and len(content) else None
    envelope = etree.Element(f"{{{SOAP}}}Envelope", None, {"s": SOAP, "a": _ADDRESSING})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    action = "GetUserSettings"
    _add(header, _ADDRESSING, "Action", f"{_SOAP}/Autodiscover/{action}Response")
    version = VERSIONS[services.settings.version]
    info = etree.SubElement(header, f"{{{_SOAP}}}ServerVersionInfo", None, {"h": _SOAP})
    names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    for name, number in zip(names, version.build, strict=True):
        _add(info, _SOAP, name, str(number))
    _add(info, _SOAP, "Version", version.schema)
    answer = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    names_used = cast("dict[str, str]", {None: _SOAP, "i": _XSI})
    message = etree.SubElement(answer, f"{{{_SOAP}}}{action}ResponseMessage", None, names_used)
    response = _add(message, _SOAP, "Response")
    if operation is None or operation.tag != f"{{{_SOAP}}}{action}RequestMessage":
        _add(response, _SOAP, "ErrorCode", "InvalidRequest")
        _add(response, _SOAP, "ErrorMessage", f"Only {action} is answered here.")
        return _bytes(envelope)
    _add(response, _SOAP, "ErrorCode", "NoError")
    _add(response, _SOAP, "ErrorMessage", "")
    responses = _add(response, _SOAP, "UserResponses")
    wanted = [each.text or "" for each in operation.iter(f"{{{_SOAP}}}Setting")]
    for mailbox in operation.iter(f"{{{_SOAP}}}Mailbox"):
        responses.append(_user(services, url, (mailbox.text or "").strip(), wanted))
    return _bytes(envelope)


def _user(services: Services, url: str, address: str, wanted: list[str]) -> Element:
    node = etree.Element(f"{{{_SOAP}}}UserResponse")
    person = services.directory.by_address(address)
    elsewhere = None if person is None else _redirection(services, person)
    code, message, target = "NoError", "No error.", None
    if elsewhere is not None:
        code, message, target = "RedirectAddress", "Redirection address.", elsewhere
    elif person is None or person.mailbox is None:
        code, message = "InvalidUser", f"Invalid user: '{address}'"
    _add(node, _SOAP, "ErrorCode", code)
    _add(node, _SOAP, "ErrorMessage", message)
    if target is None:
        etree.SubElement(node, f"{{{_SOAP}}}RedirectTarget").set(f"{{{_XSI}}}nil", "true")
    else:
        _add(node, _SOAP, "RedirectTarget", target)
    errors = _add(node, _SOAP, "UserSettingErrors")
    shown = _add(node, _SOAP, "UserSettings")
    if code != "NoError" or person is None:
        return node
    settings = _settings(services, url, person)
    for name in wanted:
        if name in settings:
            setting = _add(shown, _SOAP, "UserSetting")
            setting.set(f"{{{_XSI}}}type", "StringSetting")
            _add(setting, _SOAP, "Name", name)
            _add(setting, _SOAP, "Value", settings[name])
        else:
            error = _add(errors, _SOAP, "UserSettingError")
            _add(error, _SOAP, "ErrorCode", "SettingIsNotAvailable")
            _add(error, _SOAP, "ErrorMessage", "The setting is not available.")
            _add(error, _SOAP, "SettingName", name)
    return node


def _settings(services: Services, url: str, person: Recipient) -> dict[str, str]:
    ews = f"{url}/EWS/Exchange.asmx"
    build = ".".join(map(str, VERSIONS[services.settings.version].build))
    settings = {
        "UserDisplayName": person.name,
        "UserDN": person.legacy_dn or "",
        "UserDeploymentId": str(person.guid),
        "AutoDiscoverSMTPAddress": person.smtp or "",
        "InternalMailboxServer": services.settings.host_name,
        "ExternalMailboxServer": services.settings.host_name,
        "MailboxVersion": build,
        "CasVersion": build,
        "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, "
        "Exchange2013, Exchange2013_SP1, Exchange2016",
    }
    for side in ("Internal", "External"):
        settings[f"{side}EwsUrl"] = ews
        settings[f"{side}EcpUrl"] = f"{url}/ecp/"
    return settings


def _redirection(services: Services, person: Recipient) -> str | None:
    """The address at which a person's active mailbox is, when that is in another organisation."""
    if person.target_address is None or not person.target_address.lower().startswith("smtp:"):
        return None
    address = smtp(person.target_address)
    return None if domain(address) in services.transport.accepted else address


def _parse(body: bytes) -> Element | None:
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _add(parent: Element, namespace: str, name: str, text: str | None = None, **attributes: str) -> Element:
    node = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    node.text = text
    return node


def _bytes(root: Element) -> bytes:
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
