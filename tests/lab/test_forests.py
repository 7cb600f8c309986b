"""Two forests on one machine: furnished, separate, and giving a migration exactly the rights it needs."""

from __future__ import annotations

import ldap3
import pytest
from isthmus_lab.forests import Forest, prepare
from isthmus_lab.layout import layout
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.program import running
from ldap3.core.exceptions import LDAPInsufficientAccessRightsResult, LDAPInvalidCredentialsResult

from tests.plugins.forests import Forests, Units, found


def test_each_forest_is_its_own_domain_on_its_own_address(forests: Forests) -> None:
    assert forests.alpha.address != forests.beta.address
    for forest in (forests.alpha, forests.beta):
        with forest.connect() as connection:
            connection.search(forest.base, "(objectClass=domainDNS)", ldap3.BASE, attributes=["objectSid"])
            assert connection.entries[0].entry_dn == forest.base


def test_an_exchange_recipient_can_be_written(forests: Forests, units: Units) -> None:
    dn = f"CN=Zoë Ström,{units.alpha}"
    organisation = forests.alpha.organisation
    with forests.alpha.connect(organisation.isthmus_account, forests.service_passwords.isthmus) as connection:
        connection.add(
            dn,
            ["user"],
            {
                "sAMAccountName": "zoe.test",
                "mail": "zoe@alpha.test",
                "proxyAddresses": ["SMTP:zoe@alpha.test", "smtp:z.strom@alpha.test"],
                "homeMDB": organisation.mailbox_database,
                "msExchMailboxGuid": bytes(range(16)),
                "legacyExchangeDN": organisation.legacy_exchange_dn("zoe"),
            },
        )
        attributes = found(connection, dn, "(objectClass=user)", "msExchMailboxGuid", "homeMDB", "cn")[dn]
    assert attributes["msExchMailboxGuid"] == [bytes(range(16))]
    assert attributes["homeMDB"] == [organisation.mailbox_database.encode()]
    assert attributes["cn"] == ["Zoë Ström".encode()]


def test_the_isthmus_account_reads_changes_and_writes_nowhere_else(forests: Forests, units: Units) -> None:
    forest = forests.beta
    with forest.connect(forest.organisation.isthmus_account, forests.service_passwords.isthmus) as connection:
        changes = connection.extend.microsoft.dir_sync(
            forest.base, attributes=["name", "objectGUID"], object_security=False, incremental_values=True
        )
        changed = [entry["dn"] for entry in changes.loop() if entry["type"] == "searchResEntry"]
        assert any(dn.endswith(f";{units.beta}") for dn in changed)  # DirSync answers in extended form: <GUID=…>;DN
        with pytest.raises(LDAPInsufficientAccessRightsResult):
            connection.add(f"CN=Nobody,CN=Users,{forest.base}", ["contact"], {"mail": "nobody@beta.test"})


def test_an_account_without_the_right_reads_no_changes(forests: Forests) -> None:
    forest = forests.beta
    with forest.connect(forest.organisation.exchange_account, forests.service_passwords.exchange) as connection:
        changes = connection.extend.microsoft.dir_sync(forest.base, attributes=["name"], object_security=False)
        with pytest.raises(LDAPInsufficientAccessRightsResult):
            changes.loop()


def test_a_wrong_password_is_refused(forests: Forests) -> None:
    with pytest.raises(LDAPInvalidCredentialsResult):
        forests.alpha.connect(password="wrong")


def test_two_labs_live_beside_each_other_and_a_forest_survives_a_restart(
    forests: Forests, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same organisation a second time on the same machine, while the first one runs."""
    folder = tmp_path_factory.mktemp("second-lab")
    organisation = forests.alpha.organisation
    second = prepare(folder / "alpha" / "forest", organisation, "other-secret")
    second.load(layout(organisation, forests.service_passwords))
    assert second.address != forests.alpha.address
    dn = f"OU=Only here,{organisation.root_ou}"
    with running(second.program(), log_folder=folder), second.connect() as connection:
        connection.add(dn, ["organizationalUnit"])
    with running(second.program(), log_folder=folder):
        assert _holds(second, dn)
        assert not _holds(forests.alpha, dn)
    assert prepare(second.folder, organisation, "ignored, it is made already") == second


def test_a_forest_whose_making_was_interrupted_is_made_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("interrupted") / "alpha" / "forest"
    (folder / "private").mkdir(parents=True)
    (folder / "private" / "sam.ldb").write_bytes(b"half")
    forest = prepare(folder, ALPHA, "secret-enough")
    with running(forest.program(), log_folder=folder.parent), forest.connect() as connection:
        assert connection.bound


def test_without_root_rights_the_ports_move_and_tls_still_works(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("preloading", "forest"):
        monkeypatch.setattr(f"isthmus_lab.forests.{module}.port_shift", lambda: 10_000)
    folder = tmp_path_factory.mktemp("shifted")
    forest = prepare(folder / "beta" / "forest", BETA, "secret-enough")
    assert (forest.ldap_port, forest.ldaps_port) == (10389, 10636)
    with running(forest.program(), log_folder=folder), forest.connect() as connection:
        assert connection.bound


def _holds(forest: Forest, dn: str) -> bool:
    with forest.connect() as connection:
        connection.raise_exceptions = False
        return bool(connection.search(dn, "(objectClass=*)", ldap3.BASE))
