"""The project file of the lab: a migration from alpha to beta, with the comments that a first reader needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_lab.organisation import Organisation

_TEXT = """\
# The lab's project: everybody of {source} moves to {target}.
#
# Look at it first   isthmus plan {{this file}}      Carry it out   isthmus apply {{this file}}
# Passwords and certificates are not here: "file" names a file in the folder "secrets" beside this one.
project: lab

source:
{source_part}
target:
{target_part}
  # What does not exist in {target} yet is created here.
  create:
    users_ou: "OU=People,{arrivals}"
    groups_ou: "OU=Groups,{arrivals}"
    contacts_ou: "OU=Contacts,{arrivals}"
    mailbox_database: "{database}"

directory:
  match: [mail, proxyAddresses]      # in this order; what matches two objects is reported, never guessed
  scope: ["{scope}"]
  interval_seconds: 1

mailbox:
  interval_seconds: 5                # how long a mailbox that is in step rests

# Mailboxes that are treated alike; a mailbox belongs to the first collection that names it.
collections:
  - name: managers
    priority: 1                      # 1 goes first, 9 last
    group: "{managers}"
    switch: manual                   # isthmus switch ADDRESS; or when-in-step
  - name: people
    priority: 5
    ou: "{people}"
    switch: manual
  - name: rooms
    priority: 9
    ou: "{rooms}"
    switch: manual
"""

_ORGANISATION = """\
  name: {name}
  directory:
    url: {ldap}
    ca_file: {name}-ca.pem
    user: {user}   # may read changes (DirSync) and write below OU={title}
    password: {{file: {name}-password}}
    base: "{base}"
  exchange:
    ews: {ews}
    ca_file: {name}-ca.pem
    user: {user}   # may impersonate every mailbox
    password: {{file: {name}-password}}
    connections: 10
  # Carries redirected mail into {name}; the other organisation has a send connector for it.
  redirection: "{{{{alias}}}}@{redirection}"
"""


def project_text(source: Organisation, target: Organisation, info: Mapping[str, Any]) -> str:
    """The file's text. `info` has what `Lab.info` says of each organisation, by name."""

    def part(organisation: Organisation) -> str:
        described = info[organisation.name]
        return _ORGANISATION.format(
            name=organisation.name,
            title=organisation.title,
            ldap=described["ldap"],
            ews=described["ews"],
            user=described["account"]["user"],
            base=organisation.base,
            redirection=organisation.redirection_domain,
        ).replace("{{alias}}", "{alias}")

    return _TEXT.format(
        source=source.name,
        target=target.name,
        source_part=part(source),
        target_part=part(target).rstrip("\n"),
        arrivals=target.arrivals_ou,
        database=target.mailbox_database,
        scope=source.root_ou,
        managers=f"CN=Managers,{source.groups_ou}",
        people=source.people_ou,
        rooms=source.rooms_ou,
    )
