"""What an organisation's directory holds before anybody works there: its places, its service accounts and their rights,
and Exchange's own objects in the configuration partition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from isthmus_lab.forests.objects import (
    FULL_CONTROL,
    REPLICATION_GET_CHANGES,
    Change,
    Entry,
    Grant,
    quoted_password,
)
from isthmus_lab.organisation import Organisation

NORMAL_ACCOUNT = "512"
PASSWORD_NEVER_EXPIRES = 0x10000


@dataclass(frozen=True)
class ServicePasswords:
    """Passwords of the accounts that are not people's."""

    isthmus: str
    exchange: str


def layout(organisation: Organisation, passwords: ServicePasswords) -> list[Entry | Change | Grant]:
    """The steps that furnish an empty forest; carrying them out twice changes nothing."""
    return [
        # People log on with their mail addresses; NTLM finds only names whose suffix the forest knows.
        Change(f"CN=Partitions,{organisation.configuration}", {"uPNSuffixes": [organisation.mail_domain]}),
        *_units(organisation),
        *_exchange_objects(organisation),
        *_service_accounts(organisation, passwords),
        # What Isthmus needs of a real forest, and no more: reading changes, and writing recipients where it works.
        Grant(organisation.isthmus_dn, organisation.base, REPLICATION_GET_CHANGES),
        Grant(organisation.isthmus_dn, organisation.root_ou, FULL_CONTROL),
        Grant(organisation.exchange_dn, organisation.root_ou, FULL_CONTROL),
    ]


def _units(organisation: Organisation) -> Iterator[Entry]:
    for dn in (
        organisation.root_ou,
        organisation.people_ou,
        organisation.groups_ou,
        organisation.contacts_ou,
        organisation.rooms_ou,
        organisation.arrivals_ou,
        f"OU=People,{organisation.arrivals_ou}",
        f"OU=Groups,{organisation.arrivals_ou}",
        f"OU=Contacts,{organisation.arrivals_ou}",
        organisation.services_ou,
    ):
        yield Entry(dn, {"objectClass": ["organizationalUnit"]})


def _exchange_objects(organisation: Organisation) -> Iterator[Entry]:
    exchange = f"CN=Microsoft Exchange,CN=Services,{organisation.configuration}"
    yield Entry(exchange, {"objectClass": ["container"]})
    yield Entry(organisation.organisation_container, {"objectClass": ["msExchOrganizationContainer"]})
    for dn in (
        f"CN=Administrative Groups,{organisation.organisation_container}",
        organisation.administrative_group,
        f"CN=Databases,{organisation.administrative_group}",
        f"CN=Servers,{organisation.administrative_group}",
        f"CN={organisation.server},CN=Servers,{organisation.administrative_group}",
    ):
        yield Entry(dn, {"objectClass": ["container"]})
    yield Entry(organisation.mailbox_database, {"objectClass": ["msExchPrivateMDB"]})


def _service_accounts(organisation: Organisation, passwords: ServicePasswords) -> Iterator[Entry]:
    for dn, upn, about, password in (
        (
            organisation.isthmus_dn,
            organisation.isthmus_account,
            "Isthmus: reads changes, writes recipients, impersonates mailboxes",
            passwords.isthmus,
        ),
        (
            organisation.exchange_dn,
            organisation.exchange_account,
            "The Exchange server: reads recipients, writes what their owners set",
            passwords.exchange,
        ),
    ):
        yield Entry(
            dn,
            {
                "objectClass": ["user"],
                "sAMAccountName": [upn.split("@")[0]],
                "userPrincipalName": [upn],
                "description": [about],
                "userAccountControl": [str(int(NORMAL_ACCOUNT) | PASSWORD_NEVER_EXPIRES)],
                "unicodePwd": [quoted_password(password)],
            },
        )
    yield Entry(
        organisation.impersonation_group,
        {
            "objectClass": ["group"],
            "sAMAccountName": ["Application Impersonation"],
            "description": ["Members may act as any mailbox's owner through EWS (the role ApplicationImpersonation)"],
            "member": [organisation.isthmus_dn],
        },
    )
    yield Entry(
        organisation.discovery_group,
        {
            "objectClass": ["group"],
            "sAMAccountName": ["Discovery Management"],
            "description": ["Members may search all mailboxes (the role MailboxSearch); nobody is one"],
        },
    )
