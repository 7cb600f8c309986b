"""Two organisational units with people, a project that joins them, and eyes on both forests."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import ldap3
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_events import ensure_topics, send
from isthmus_events.topics import PROJECTS
from isthmus_lab.forests import Entry, Forest
from isthmus_lab.forests.objects import quoted_password
from isthmus_project import Project
from ldap3.utils.conv import escape_filter_chars

from tests.plugins.forests import Forests, Units

T = TypeVar("T")
PASSWORD = "isthmus-secret"  # of the account that the fixture `forests` furnishes
WAIT_SECONDS = 120.0


def eventually(probe: Callable[[], T], what: str) -> T:
    """The first true answer of `probe`; AssertionError after two minutes. A wait, not a measurement."""
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        if answer := probe():
            return answer
        assert time.monotonic() < ends, f"never came: {what}"
        time.sleep(0.05)


class Place:
    """One organisation's unit of a test."""

    def __init__(self, forest: Forest, unit: str) -> None:
        self.forest, self.unit, self.organisation = forest, unit, forest.organisation
        self.domain = f"{secrets.token_hex(3)}.{forest.organisation.mail_domain}"
        self._connection: Any = forest.connect()  # ldap3's operations have no types

    def connect_again(self) -> None:
        """After the domain controller was away."""
        self._connection = self.forest.connect()

    def add(self, name: str, object_class: str, **attributes: Any) -> str:
        """Add an object below the unit; returns its distinguished name."""
        dn = f"CN={name.replace(',', chr(92) + ',')},{self.unit}"
        self._connection.add(dn, [object_class], attributes)
        return dn

    def load(self, entry: Entry) -> None:
        """Add an object as it is written."""
        attributes = {name: [*values] for name, values in entry.attributes.items() if name != "objectClass"}
        self._connection.add(entry.dn, [*entry.attributes["objectClass"]], attributes)

    def add_unit(self, name: str) -> str:
        """Add an organizational unit below the unit; returns its distinguished name."""
        self._connection.add(f"OU={name},{self.unit}", ["organizationalUnit"])
        return f"OU={name},{self.unit}"

    def move(self, dn: str, unit: str) -> str:
        name = dn.partition(",")[0]
        self._connection.modify_dn(dn, name, new_superior=unit)
        return f"{name},{unit}"

    def add_mailbox(self, alias: str, display_name: str, mail: str | None = None, **attributes: Any) -> str:
        """Add somebody with a mailbox, as Exchange would have made it."""
        mail = mail or f"{alias}@{self.domain}"
        return self.add(
            display_name,
            "user",
            sAMAccountName=f"{alias}.{secrets.token_hex(3)}"[:20],
            displayName=display_name,
            mail=mail,
            mailNickname=alias,
            proxyAddresses=[f"SMTP:{mail}", *attributes.pop("more_addresses", [])],
            legacyExchangeDN=self.organisation.legacy_exchange_dn(f"{secrets.token_hex(8)}-{alias}"),
            homeMDB=self.organisation.mailbox_database,
            msExchMailboxGuid=secrets.token_bytes(16),
            unicodePwd=quoted_password("secret-" + secrets.token_hex(8)),
            **{
                "msExchRecipientTypeDetails": "1",
                "msExchRecipientDisplayType": "1073741824",
                "userAccountControl": "512",
                **attributes,
            },
        )

    def add_group(self, alias: str, members: list[str], **attributes: Any) -> str:
        values = {
            "sAMAccountName": f"{alias}-{secrets.token_hex(4)}",
            "groupType": "8",
            "displayName": alias.capitalize(),
            "mail": f"{alias}@{self.domain}",
            "mailNickname": alias,
            "proxyAddresses": [f"SMTP:{alias}@{self.domain}"],
            **attributes,
        }
        return self.add(alias, "group", **(values | ({"member": members} if members else {})))

    def change(self, dn: str, **attributes: Any) -> None:
        """Replace attributes; an empty list clears one."""
        self._connection.modify(
            dn, {name: [(ldap3.MODIFY_REPLACE, v if isinstance(v, list) else [v])] for name, v in attributes.items()}
        )

    def add_values(self, dn: str, **attributes: list[str]) -> None:
        self._connection.modify(dn, {name: [(ldap3.MODIFY_ADD, values)] for name, values in attributes.items()})

    def remove_values(self, dn: str, **attributes: list[str]) -> None:
        self._connection.modify(dn, {name: [(ldap3.MODIFY_DELETE, values)] for name, values in attributes.items()})

    def delete(self, dn: str) -> None:
        self._connection.delete(dn)

    def rename(self, dn: str, name: str) -> str:
        self._connection.modify_dn(dn, name)
        return f"{name},{self.unit}"

    def guid(self, dn: str) -> UUID:
        self._connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID"])
        return UUID(bytes_le=self._connection.response[0]["raw_attributes"]["objectGUID"][0])

    def find(self, attribute: str, value: str) -> dict[str, list[str]] | None:
        """The object below the unit with this value, as its attributes and `dn`; None when there is none."""
        escaped = escape_filter_chars(value)
        self._connection.search(self.unit, f"({attribute}={escaped})", attributes=["*"])
        found = [entry for entry in self._connection.response if entry["type"] == "searchResEntry"]
        assert len(found) <= 1, f"{value} is held by {[entry['dn'] for entry in found]}"
        if not found:
            return None
        attributes = {
            name: [value.decode("utf-8", "backslashreplace") for value in values]
            for name, values in found[0]["raw_attributes"].items()
        }
        return {**attributes, "dn": [found[0]["dn"]]}


class Directories:
    """Both places and the project between them."""

    def __init__(self, forests: Forests, units: Units, folder: Path) -> None:
        self.alpha, self.beta = Place(forests.alpha, units.alpha), Place(forests.beta, units.beta)
        self.domain_controllers = forests.processes
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        for place in (self.alpha, self.beta):
            name = place.organisation.name
            (self.secrets / f"{name}-password").write_text(PASSWORD)
            (self.secrets / f"{name}-ca.pem").write_text(place.forest.ca_file.read_text())
        self.name = f"test-{secrets.token_hex(3)}"
        self.redirection = {name: f"{name}-{self.name}.redirect.test" for name in ("alpha", "beta")}

    def project(self, mailboxes: bool = True, create: Mapping[str, Any] | None = None, **directory: Any) -> Project:
        """The project between both; `create` adds to target.create."""
        document: dict[str, Any] = {
            "project": self.name,
            "source": self._organisation(self.alpha),
            "target": self._organisation(self.beta)
            | {
                "create": {
                    "users_ou": self.beta.unit,
                    "groups_ou": self.beta.unit,
                    "contacts_ou": self.beta.unit,
                    "mailbox_database": self.beta.organisation.mailbox_database if mailboxes else None,
                    **(create or {}),
                }
            },
            "directory": {"scope": [self.alpha.unit], "interval_seconds": 1.0, **directory},
            "collections": [{"name": "all", "ou": self.alpha.unit}],
        }
        return Project.model_validate(document)

    def _organisation(self, place: Place) -> dict[str, Any]:
        name = place.organisation.name
        account = {
            "ca_file": f"{name}-ca.pem",
            "user": place.organisation.isthmus_account,
            "password": {"file": f"{name}-password"},
        }
        return {
            "name": name,
            "directory": {"url": place.forest.url, "base": place.forest.base, **account},
            "exchange": {"ews": f"https://{name}.test/EWS/Exchange.asmx", **account},
            "redirection": f"{{alias}}@{self.redirection[name]}",
        }


async def apply(kafka: str, project: Project, revision: int = 1) -> None:
    """Say the project on its topic, as `isthmus apply` does."""
    await ensure_topics(kafka)
    document = json.dumps(project.model_dump(mode="json")).encode()
    message = ProjectApplied(project=project.project, revision=revision, document=document)
    await send(kafka, "test", PROJECTS, project.project.encode(), message)


def values(found: Mapping[str, list[str]] | None, name: str) -> list[str]:
    """The values of an attribute of something found, sorted; empty when it is not there."""
    return sorted((found or {}).get(name, []))
