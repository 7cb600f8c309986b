"""A population as directory objects, with the attributes that Exchange sets on its recipients (field notes d.27)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from isthmus_lab.forests.objects import Change, Entry, escape_rdn, quoted_password
from isthmus_lab.organisation import ALPHA, Organisation
from isthmus_lab.population.people import Group, Outsider, Person, Population, delegates
from isthmus_lab.population.seeds import seeded

Attributes = dict[str, list[str | bytes]]

EXCHANGE_2016 = "88218628259840"  # msExchVersion
USER_MAILBOX, ROOM_MAILBOX, MAIL_CONTACT, DISTRIBUTION_GROUP = "1", "16", "64", "1"  # msExchRecipientTypeDetails
ROOM_LIST = "268435456"
ENABLED, DISABLED, NEVER_EXPIRES = 0x200, 0x202, 0x10000  # userAccountControl
UNIVERSAL_DISTRIBUTION, UNIVERSAL_SECURITY = "8", "-2147483640"  # groupType


def recipients(population: Population, passwords: Mapping[str, str]) -> Iterator[Entry | Change]:
    """The steps that put a population into its forest. `passwords` are by the person's address."""
    organisation = population.organisation
    departments = sorted({person.department for person in population.people if not person.also_in_alpha})
    for department in departments:
        yield Entry(department_ou(organisation, department), {"objectClass": ["organizationalUnit"]})
    places = {person.alias: person_dn(organisation, person) for person in (*population.people, *population.rooms)}
    for person in population.people:
        yield Entry(places[person.alias], _user(organisation, person, passwords[person.address]))
    for room in population.rooms:
        yield Entry(places[room.alias], _room(organisation, room))
    for outsider in population.outsiders:
        dn = f"CN={escape_rdn(outsider.display_name)},{organisation.contacts_ou}"
        yield Entry(dn, _contact(organisation, outsider))
    for group in population.groups:
        places[group.alias] = f"CN={escape_rdn(group.display_name)},{organisation.groups_ou}"
        yield Entry(places[group.alias], _group(organisation, group))
    # Links come last, when both ends exist.
    for person in population.people:
        if person.manager is not None:
            yield Change(places[person.alias], {"manager": [places[person.manager]]})
    for alias, acting in delegates(population).items():
        yield Change(places[alias], {"publicDelegates": [places[person.alias] for person in acting]})
    for group in population.groups:
        if group.members:
            yield Change(places[group.alias], {"member": [places[alias] for alias in group.members]})


def department_ou(organisation: Organisation, department: str) -> str:
    return f"OU={escape_rdn(department)},{organisation.people_ou}"


def person_dn(organisation: Organisation, person: Person) -> str:
    parent = organisation.rooms_ou if person.is_room else department_ou(organisation, person.department)
    # Somebody of alpha who has an account in beta already is not in a department there.
    return f"CN={escape_rdn(person.display_name)},{organisation.people_ou if person.also_in_alpha else parent}"


def legacy_exchange_dn(organisation: Organisation, alias: str) -> str:
    """As Exchange makes them: the recipient's name behind thirty-two digits that make it unique for ever."""
    digits = hashlib.sha256(f"{organisation.name}/{alias}".encode()).hexdigest()[:32]
    return organisation.legacy_exchange_dn(f"{digits}-{alias}")


def _recipient(organisation: Organisation, alias: str, display_name: str, address: str) -> Attributes:
    return {
        "displayName": [display_name],
        "mailNickname": [alias],
        "mail": [address],
        "legacyExchangeDN": [legacy_exchange_dn(organisation, alias)],
        "msExchVersion": [EXCHANGE_2016],
    }


def _proxies(organisation: Organisation, person: Person) -> list[str | bytes]:
    """The primary address, and what years of reorganisation leave behind: old addresses, an old X500 address."""
    random = seeded("proxies", organisation.name, person.alias)
    found = [f"SMTP:{person.address}"]
    if not person.address.endswith(f"@{organisation.mail_domain}"):
        found.append(f"smtp:{person.alias}@{organisation.mail_domain}")
    if person.given and random.random() < 0.6:
        found.append(f"smtp:{person.account.replace('.', '-')}@old.{organisation.mail_domain}")
    if random.random() < 0.4:
        found.append(f"X500:/o=First Organization/ou=Headquarters/cn=Recipients/cn={person.account}")
    return list(found)


def _mailbox(organisation: Organisation, person: Person) -> Attributes:
    return {
        **_recipient(organisation, person.alias, person.display_name, person.address),
        "proxyAddresses": _proxies(organisation, person),
        "homeMDB": [organisation.mailbox_database],
        "msExchHomeServerName": [organisation.legacy_server],
        "msExchMailboxGuid": [person.mailbox.bytes_le],
        "msExchWhenMailboxCreated": ["20190401080000.0Z"],
        "msExchUserAccountControl": ["0"],
        "msExchUserCulture": [{"de": "de-DE", "fr": "fr-FR"}.get(person.language, "en-GB")],
        "mDBUseDefaults": ["TRUE"],
        "physicalDeliveryOfficeName": [person.office],
    }


def _user(organisation: Organisation, person: Person, password: str) -> Attributes:
    attributes: Attributes = {
        **_mailbox(organisation, person),
        "objectClass": ["user"],
        "sAMAccountName": [person.account],
        "userPrincipalName": [person.principal],
        "givenName": [person.given],
        "sn": [person.surname],
        "department": [person.department],
        "title": [person.title],
        "company": [organisation.title],
        "telephoneNumber": [person.phone],
        "userAccountControl": [str(ENABLED | NEVER_EXPIRES)],
        "unicodePwd": [quoted_password(password)],
        "msExchRecipientTypeDetails": [USER_MAILBOX],
        "msExchRecipientDisplayType": ["1073741824"],
    }
    if person.archive is not None:
        attributes["msExchArchiveGUID"] = [person.archive.bytes_le]
        attributes["msExchArchiveName"] = [f"In-Place Archive - {person.display_name}"]
    if person.also_in_alpha:
        # Their mail goes to where they work, until a migration says otherwise.
        attributes["targetAddress"] = [f"SMTP:{person.address}"]
        attributes["company"] = [ALPHA.title]
    return attributes


def _room(organisation: Organisation, room: Person) -> Attributes:
    return {
        **_mailbox(organisation, room),
        "objectClass": ["user"],
        "sAMAccountName": [room.account],
        "userPrincipalName": [room.principal],
        "userAccountControl": [str(DISABLED | NEVER_EXPIRES)],
        "msExchRecipientTypeDetails": [ROOM_MAILBOX],
        "msExchRecipientDisplayType": ["7"],
        "msExchResourceMetaData": ["ResourceType:Room"],
        "msExchResourceSearchProperties": ["Room"],
        "msExchResourceDisplay": ["Room"],
        "msExchResourceCapacity": [str(room.room_capacity)],
    }


def _contact(organisation: Organisation, outsider: Outsider) -> Attributes:
    return {
        **_recipient(organisation, outsider.alias, outsider.display_name, outsider.address),
        "objectClass": ["contact"],
        "givenName": [outsider.given],
        "sn": [outsider.surname],
        "company": [outsider.company],
        "targetAddress": [f"SMTP:{outsider.address}"],
        "proxyAddresses": [f"SMTP:{outsider.address}"],
        "msExchRecipientTypeDetails": [MAIL_CONTACT],
        "msExchRecipientDisplayType": ["6"],
    }


def _group(organisation: Organisation, group: Group) -> Attributes:
    attributes: Attributes = {
        **_recipient(organisation, group.alias, group.display_name, group.address),
        "objectClass": ["group"],
        "sAMAccountName": [group.alias],
        "groupType": [UNIVERSAL_SECURITY if group.security else UNIVERSAL_DISTRIBUTION],
        "proxyAddresses": [f"SMTP:{group.address}"],
        "msExchRecipientDisplayType": ["1073741833" if group.security else DISTRIBUTION_GROUP],
        "reportToOriginator": ["TRUE"],
    }
    if group.room_list:
        attributes["msExchRecipientTypeDetails"] = [ROOM_LIST]
    return attributes
