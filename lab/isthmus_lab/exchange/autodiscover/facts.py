"""What Autodiscover knows of somebody whose mailbox is here; settings by their names in [MS-OXWSADISC] 3.1.4.2.4."""

from __future__ import annotations

from dataclasses import dataclass

from ..directory import Recipient
from ..ews.call import Services
from ..ews.versions import SCHEMAS, VERSIONS
from ..mail.routing import domain


@dataclass(frozen=True)
class Alternate:
    """Another mailbox of the same person."""

    kind: str
    name: str
    legacy_dn: str
    server: str


def client_server(person: Recipient) -> str:
    """By what clients since Exchange 2013 call the server of a mailbox: its GUID, and the domain of its address."""
    return f"{person.mailbox}@{domain(person.smtp or '')}"


def alternates(person: Recipient) -> list[Alternate]:
    """The archive, for who has one."""
    if person.archive is None:
        return []
    server = f"{person.archive}@{domain(person.smtp or '')}"
    return [
        Alternate("Archive", f"In-Place Archive - {person.name}", f"{person.legacy_dn}/guid={person.archive}", server)
    ]


def settings_of(services: Services, url: str, person: Recipient) -> dict[str, str]:
    """The settings that are a text. What this server does not have, as Outlook on the web, is not among them."""
    ews = f"{url}/EWS/Exchange.asmx"
    version = VERSIONS[services.settings.version]
    build = ".".join(map(str, version.build))
    directory_server = services.settings.forest.url.rpartition("/")[2].partition(":")[0]
    settings = {
        "UserDisplayName": person.name,
        "UserDN": person.legacy_dn or "",
        "UserDeploymentId": str(person.guid),
        "UserMSOnline": "False",
        "AutoDiscoverSMTPAddress": person.smtp or "",
        "MailboxDN": person.legacy_dn or "",
        "InternalMailboxServer": client_server(person),
        "InternalRpcClientServer": client_server(person),
        "ExternalMailboxServer": services.settings.host_name,
        "ExternalMailboxServerRequiresSSL": "True",
        "ExternalMailboxServerAuthenticationMethods": "Basic",
        "ActiveDirectoryServer": directory_server,
        "MailboxVersion": build,
        "CasVersion": build,
        "EwsSupportedSchemas": ", ".join(each for each in SCHEMAS if version.knows(each)),
        "GroupingInformation": "Default-First-Site-Name",
        "CrossOrganizationSharingEnabled": "False",
        "ShowGalAsDefaultView": "True",
    }
    for side in ("Internal", "External"):
        settings[f"{side}EwsUrl"] = ews
        settings[f"{side}EcpUrl"] = f"{url}/ecp/"
    public_folders = services.public_folders.mailbox_of(person)
    if public_folders is not None and public_folders.smtp:
        settings["PublicFolderInformation"] = public_folders.smtp
    return settings
