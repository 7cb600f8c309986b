"""Works on a stopped forest's databases through Samba's own Python modules.

Not imported by the lab: Samba's modules exist only for /usr/bin/python3, so the lab runs this file with it.
    directory_tool.py provision SMB_CONF REALM NETBIOS HOST ADDRESS     (password on standard input)
    directory_tool.py schema SMB_CONF LDIF
    directory_tool.py load SMB_CONF                                     (JSON list of steps on standard input)
"""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.param import LoadParm
from samba.provision import provision
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

# Samba's control that says: unicodePwd holds a hash, not a password (DSDB_CONTROL_PASSWORD_HASH_VALUES_OID).
HASH_VALUES = "local_oid:1.3.6.1.4.1.7165.4.3.9:0"


def main() -> None:
    command, conf, *arguments = sys.argv[1:]
    parameters = LoadParm()
    parameters.load(conf)
    if command == "provision":
        make_forest(parameters, conf, *arguments)
    elif command == "schema":
        extend_schema(parameters, *arguments)
    elif command == "load":
        load(open_database(parameters), json.load(sys.stdin))
    else:
        sys.exit(f"directory_tool.py has no command {command}")


def open_database(parameters: LoadParm) -> SamDB:
    return SamDB(session_info=system_session(), lp=parameters)


def make_forest(parameters: LoadParm, conf: str, realm: str, netbios: str, host: str, address: str) -> None:
    """An empty forest whose password policy accepts any password of four characters."""
    log = logging.getLogger("provision")
    log.addHandler(logging.StreamHandler())
    log.setLevel(logging.WARNING)
    provision(
        log, system_session(), smbconf=conf, realm=realm, domain=netbios, hostname=host, hostip=address,
        adminpass=sys.stdin.readline().strip(), dns_backend="NONE", serverrole="active directory domain controller",
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2, lp=parameters, backend_store="mdb", skip_sysvolacl=True,
        use_ntvfs=False, batch_mode=True,
    )  # fmt: skip
    database = open_database(parameters)
    policy = {"pwdProperties": "0", "minPwdAge": "0", "maxPwdAge": "0", "minPwdLength": "4", "pwdHistoryLength": "0"}
    replace(database, str(database.domain_dn()), {name: [value.encode()] for name, value in policy.items()})


def extend_schema(parameters: LoadParm, path: str) -> None:
    """Load an LDIF of schema changes, part by part: what a part defines is known only to a database opened after it."""
    parts: list[list[str]] = [[]]
    for record in Path(path).read_text(encoding="utf-8").split("\n\n"):
        if "\nschemaUpdateNow: 1" in record:
            parts.append([])
        elif any(line and not line.startswith("#") for line in record.splitlines()):
            parts[-1].append(record)
    for records in filter(None, parts):
        database = open_database(parameters)
        schema = str(database.get_schema_basedn())
        database.transaction_start()
        database.modify_ldif("\n\n".join(records).replace("SCHEMADN", schema) + "\n")
        database.transaction_commit()


def load(database: SamDB, steps: list[dict[str, Any]]) -> None:
    """Carry out add, replace and grant steps in order, all of them or none."""
    started, grants = time.monotonic(), SDUtils(database)
    database.transaction_start()
    for step in steps:
        try:
            if step["do"] == "add":
                add(database, step["dn"], decoded(step["attributes"]))
            elif step["do"] == "replace":
                replace(database, step["dn"], decoded(step["attributes"]))
            else:
                grant(database, grants, **{name: step[name] for name in ("account", "on", "ace")})
        except ldb.LdbError as error:
            sys.exit(f"{step['do']} {step.get('dn') or step['on']}: {error.args[1]}")
    database.transaction_commit()
    print(f"{len(steps)} steps in {time.monotonic() - started:.2f} s")


def decoded(attributes: dict[str, list[str]]) -> dict[str, list[bytes]]:
    return {name: [base64.b64decode(value) for value in values] for name, values in attributes.items()}


def exists(database: SamDB, dn: str) -> bool:
    try:
        database.search(dn, scope=ldb.SCOPE_BASE, attrs=["objectClass"])
    except ldb.LdbError as error:
        if error.args[0] == ldb.ERR_NO_SUCH_OBJECT:
            return False
        raise
    return True


def add(database: SamDB, dn: str, attributes: dict[str, list[bytes]]) -> None:
    if exists(database, dn):
        return
    message = ldb.Message(ldb.Dn(database, dn))
    controls = []
    for name, values in attributes.items():
        if name == "unicodePwd":
            values, controls = [password_hash(values[0])], [HASH_VALUES]
        message[name] = ldb.MessageElement(values, ldb.FLAG_MOD_ADD, name)
    database.add(message, controls)


def password_hash(quoted: bytes) -> bytes:
    """The hash of a password given as unicodePwd takes it.

    Samba would also make Kerberos keys, which takes 25 ms a person, and the lab has no Kerberos.
    """
    credentials = Credentials()
    credentials.set_password(quoted.decode("utf-16-le")[1:-1])
    return bytes(credentials.get_nt_hash())


def replace(database: SamDB, dn: str, attributes: dict[str, list[bytes]]) -> None:
    message = ldb.Message(ldb.Dn(database, dn))
    for name, values in attributes.items():
        message[name] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, name)
    database.modify(message)


def grant(database: SamDB, descriptors: SDUtils, account: str, on: str, ace: str) -> None:
    found = database.search(account, scope=ldb.SCOPE_BASE, attrs=["objectSid"])
    sid = database.schema_format_value("objectSid", found[0]["objectSid"][0]).decode()
    descriptors.dacl_add_ace(on, ace.format(sid=sid))


main()
