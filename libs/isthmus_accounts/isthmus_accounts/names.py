"""The names by which a pair can be asked for, in the form in which they are compared.

The account map's index and the client's cache are built by these functions, so they never disagree. The kind of a
name is the number of its field in `Identity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from isthmus.accounts.v1.accounts_pb2 import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isthmus.accounts.v1.accounts_pb2 import Account, Pair

_FIELDS = {field.name: field.number for field in Identity.DESCRIPTOR.oneofs_by_name["name"].fields}
PAIR_ID = _FIELDS["pair_id"]
OBJECT_GUID = _FIELDS["object_guid"]
OBJECT_SID = _FIELDS["object_sid"]
SMTP_ADDRESS = _FIELDS["smtp_address"]
LEGACY_EXCHANGE_DN = _FIELDS["legacy_exchange_dn"]
USER_PRINCIPAL_NAME = _FIELDS["user_principal_name"]
SAM_ACCOUNT_NAME = _FIELDS["sam_account_name"]
DISTINGUISHED_NAME = _FIELDS["distinguished_name"]


class Name(NamedTuple):
    """A name of an account. `side` is 0 for the pair's own id."""

    kind: int
    value: bytes
    side: int


def normalised(value: str) -> bytes:
    """A textual name as it is compared: without regard to case, surrounding blanks or Unicode composition of case."""
    return value.strip().casefold().encode()


def asked(identity: Identity) -> Name | None:
    """The name that an identity asks for; None when it asks for nothing. `side` 0 is either side."""
    field = identity.WhichOneof("name")
    if field is None:
        return None
    value = getattr(identity, field)
    raw = value if isinstance(value, bytes) else normalised(value)
    return Name(_FIELDS[field], raw, identity.side) if raw else None


def names(pair: Pair) -> Iterator[Name]:
    """Every name a pair has, its id first. A removed pair keeps only its id."""
    yield Name(PAIR_ID, pair.id, 0)
    if pair.removed:
        return
    if pair.HasField("source"):
        yield from dict.fromkeys(name for account in (pair.source, *pair.merged) for name in _of_account(account, 1))
    if pair.HasField("target"):
        yield from dict.fromkeys(_of_account(pair.target, 2))


def _of_account(account: Account, side: int) -> Iterator[Name]:
    if account.object_guid:
        yield Name(OBJECT_GUID, account.object_guid, side)
    for kind, texts in (
        (OBJECT_SID, (account.object_sid,)),
        (SMTP_ADDRESS, (account.primary_smtp_address, *account.smtp_addresses)),
        (LEGACY_EXCHANGE_DN, (account.legacy_exchange_dn, *account.x500_addresses)),
        (USER_PRINCIPAL_NAME, (account.user_principal_name,)),
        (SAM_ACCOUNT_NAME, (account.sam_account_name,)),
        (DISTINGUISHED_NAME, (account.distinguished_name,)),
    ):
        for text in texts:
            if value := normalised(text):
                yield Name(kind, value, side)


def spoken(identity: Identity) -> str:
    """An identity for people: "the SMTP address anna@alpha.example"."""
    field = identity.WhichOneof("name")
    if field is None:
        return "an empty name"
    value = getattr(identity, field)
    label = field.replace("_", " ").replace("smtp", "SMTP").replace("sid", "SID").replace("guid", "GUID")
    return f"the {label} {value.hex() if isinstance(value, bytes) else value}"
