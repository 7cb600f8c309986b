"""What the configuration of a forest says about its Exchange organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ldap3
from isthmus_sync.directory import ExchangeFacts
from ldap3.core import exceptions as ldap

from isthmus_directory import filters
from isthmus_directory.connection import Forest, entries
from isthmus_directory.errors import DirectoryRefused

if TYPE_CHECKING:
    from isthmus_project import Organisation

_ADMINISTRATIVE_GROUP = "Exchange Administrative Group (FYDIBOHF23SPDLT)"
"""The only one since Exchange 2007, by this name in every organisation."""


async def exchange_facts(forest: Forest, organisation: Organisation) -> ExchangeFacts:
    """The facts that new recipients need. Raises DirectoryRefused when the project's mailbox database, or an OU that
    objects shall be created in, does not exist."""
    create = organisation.create
    assert create is not None

    def work(connection: ldap3.Connection) -> ExchangeFacts:
        for field in ("users_ou", "groups_ou", "contacts_ou"):
            _must_exist(connection, forest, f"create.{field}", getattr(create, field))
        for mapped in create.ous:
            _must_exist(connection, forest, "create.ous", mapped.target)
        recipients = _organisation_dn(connection, forest) or f"/o={organisation.name}/ou={_ADMINISTRATIVE_GROUP}"
        if create.mailbox_database is None:
            return ExchangeFacts(f"{recipients}/cn=Recipients")
        database = _must_exist(connection, forest, "create.mailbox_database", create.mailbox_database)
        server = database.get("msExchOwningServer")
        home = _attributes(connection, server[0].decode(), ["legacyExchangeDN"]) if server else None
        legacy = (home or {}).get("legacyExchangeDN") or [b""]
        return ExchangeFacts(f"{recipients}/cn=Recipients", create.mailbox_database, legacy[0].decode())

    return await forest.run(work)


def _organisation_dn(connection: ldap3.Connection, forest: Forest) -> str:
    """The legacyExchangeDN of the administrative group, else what the organisation's name makes of it; empty when
    the configuration may not be read."""
    connection.search("", filters.present("objectClass"), ldap3.BASE, attributes=["configurationNamingContext"])
    [configuration] = entries(connection)[0]["raw_attributes"]["configurationNamingContext"]
    services = f"CN=Microsoft Exchange,CN=Services,{configuration.decode()}"
    try:
        connection.search(
            services,
            filters.any_of(
                filters.equals("cn", _ADMINISTRATIVE_GROUP),
                filters.equals("objectClass", "msExchOrganizationContainer"),
            ),
            ldap3.SUBTREE,
            attributes=["legacyExchangeDN", "cn", "objectClass"],
        )
    except ldap.LDAPNoSuchObjectResult:
        forest.log.warning("no Exchange organisation in the configuration", container=services)
        return ""
    named = ""
    for entry in entries(connection):
        raw = entry["raw_attributes"]
        if raw["cn"][0].decode() == _ADMINISTRATIVE_GROUP:
            if legacy := raw.get("legacyExchangeDN"):
                return str(legacy[0].decode())
        else:
            named = f"/o={raw['cn'][0].decode()}/ou={_ADMINISTRATIVE_GROUP}"
    return named


def _must_exist(connection: ldap3.Connection, forest: Forest, field: str, dn: str) -> dict[str, list[bytes]]:
    found = _attributes(connection, dn, ["msExchOwningServer", "objectClass"])
    if found is None:
        raise DirectoryRefused(f"{dn} does not exist in {forest.name}: create it, or correct {field} in the project")
    return found


def _attributes(connection: ldap3.Connection, dn: str, names: list[str]) -> dict[str, list[bytes]] | None:
    try:
        connection.search(dn, filters.present("objectClass"), ldap3.BASE, attributes=names)
    except (ldap.LDAPNoSuchObjectResult, ldap.LDAPInvalidDNSyntaxResult):
        return None
    found = entries(connection)
    return dict(found[0]["raw_attributes"]) if found else None
