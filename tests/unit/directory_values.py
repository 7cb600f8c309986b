"""Directory objects and projects for tests of decisions."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from isthmus_project import Project
from isthmus_sync.directory import DirectoryObject, ExchangeFacts, Link
from isthmus_sync.directory.objects import as_values

FACTS = ExchangeFacts("/o=Beta/ou=EAG/cn=Recipients", "CN=DB1,DC=beta,DC=test", "")
MAIL_USERS = ExchangeFacts("/o=Beta/ou=EAG/cn=Recipients")


def guid(name: str) -> bytes:
    return uuid5(NAMESPACE_DNS, name).bytes_le


def project(create: dict[str, Any] | None = None, **directory: Any) -> Project:
    """A project between alpha and beta; `create` adds to target.create."""

    def organisation(name: str) -> dict[str, Any]:
        account = {"user": f"isthmus@{name}.test", "password": {"file": "p"}}
        return {
            "name": name,
            "directory": {"url": f"ldaps://{name}.test", "base": f"DC={name},DC=test", **account},
            "exchange": {"ews": f"https://{name}.test/EWS/Exchange.asmx", **account},
            "redirection": f"{{alias}}@{name}.redirect.test",
        }

    ous = dict.fromkeys(("users_ou", "groups_ou", "contacts_ou"), "OU=New,DC=beta,DC=test")
    create = {**ous, "mailbox_database": "CN=DB1,DC=beta,DC=test", **(create or {})}
    return Project.model_validate(
        {
            "project": "test",
            "source": organisation("alpha"),
            "target": organisation("beta") | {"create": create},
            "directory": directory,
        }
    )


def recipient(
    side: str, name: str, object_class: str = "user", links: dict[str, list[str]] | None = None, **attributes: Any
) -> DirectoryObject:
    """An object `name` of the forest `side` (alpha or beta), with an address; `links` are names of the same side."""
    values = {
        "objectClass": ["top", object_class],
        "cn": name,
        "mail": f"{name}@x.test",
        "proxyAddresses": [f"SMTP:{name}@x.test"],
        "legacyExchangeDN": f"/o={side}/cn={name}",
        "mailNickname": name,
        **({"sAMAccountName": name} if object_class != "contact" else {}),
        **attributes,
    }
    all_links = {attribute.lower(): tuple(link(side, to) for to in names) for attribute, names in (links or {}).items()}
    plain = {attribute.lower(): as_values(value) for attribute, value in values.items() if value not in ([], "")}
    return DirectoryObject(guid(f"{side}/{name}"), f"CN={name},OU=Staff,DC={side},DC=test", plain, all_links)


def mailbox(side: str, name: str, links: dict[str, list[str]] | None = None, **attributes: Any) -> DirectoryObject:
    """Somebody with a mailbox."""
    extra = {"msExchMailboxGuid": guid(f"mailbox/{side}/{name}"), **attributes}
    return recipient(side, name, "user", {"homeMDB": ["DB1"], **(links or {})}, **extra)


def link(side: str, name: str) -> Link:
    return Link(guid(f"{side}/{name}"), f"CN={name},OU=Staff,DC={side},DC=test")
