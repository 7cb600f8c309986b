"""Distinguished names, addresses and filters: whatever is in a name, it stays a value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from isthmus_directory import filters
from isthmus_sync.directory import names
from isthmus_sync.directory.addresses import ProxyAddress, primary_smtp, smtp_addresses, x500_addresses
from ldap3.operation.search import search_operation

from tests.unit.directory_values import recipient

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(text, text)
def test_any_value_makes_one_part_of_a_distinguished_name(cn: str, ou: str) -> None:
    dn = f"CN={names.escape_rdn(cn)},OU={names.escape_rdn(ou)},DC=test"
    assert len(names.split(dn)) == 3
    assert names.parent(dn) == f"OU={names.escape_rdn(ou)},DC=test"
    assert names.is_below(dn, f"ou={names.escape_rdn(ou)}, dc=TEST")
    assert names.key(dn)[-1] == f"cn={cn.casefold()}"


def test_names_compare_as_the_directory_compares_them() -> None:
    assert names.key('CN="Berg, Anna",DC=x') == names.key("cn=berg\\, anna , dc=X")
    assert names.key("CN=Zo\\C3\\AB,DC=x") == names.key("CN=Zoë,DC=x")
    assert not names.is_below("CN=a,OU=Staff 2,DC=x", "OU=Staff,DC=x")
    assert names.realm("OU=x,DC=corp,DC=alpha,DC=example") == "corp.alpha.example"
    assert names.escape_rdn(" #a,b ") == "\\ #a\\,b\\ "


@given(text | st.binary(min_size=1, max_size=16))
def test_no_value_gets_out_of_its_filter_or_loses_anything(value: str | bytes) -> None:
    built = filters.every(filters.equals("cn", value), filters.present("sn"))
    assert built.count("(") == built.count(")") == 3
    request = search_operation("DC=x", built, "SUBTREE", "NEVER", ["cn"], 0, 0, False, None, None)
    sent = bytes(request["filter"]["and"][0]["equalityMatch"]["assertionValue"])
    assert sent == (value.encode() if isinstance(value, str) else value)


def test_addresses_have_types_and_a_primary() -> None:
    anna = recipient(
        "alpha",
        "anna",
        proxyAddresses=["smtp:a@x.test", "SMTP:anna@x.test", "x500:/o=Old/cn=a", "sip:anna@x.test", "A@X.test"],
    )
    assert smtp_addresses(anna) == ("anna@x.test", "a@x.test")
    assert primary_smtp(anna) == "anna@x.test"
    assert x500_addresses(anna) == ("/o=Old/cn=a",)
    for value in ("SMTP:a@x", "smtp:a@x", "X500:/o=x/cn=y", "sip:a@x", "EUM:1;phone-context=x"):
        assert str(ProxyAddress.parse(value)) == value
