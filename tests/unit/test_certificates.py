"""Certificates: what is signed, what is believed, and checking them from the command line without a system."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus_cli.main import build
from isthmus_cli.signing import make_keys
from isthmus_switch.certificates import certified_at
from isthmus_sync.mailbox import certificate
from isthmus_sync.mailbox.certificate import CertificateError
from typer.testing import CliRunner

PAIR = bytes(range(16))
_VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**53), 2**53) | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc_", min_size=1), inner),
    max_leaves=10,
)


def statement(**changes: Any) -> dict[str, Any]:
    side = {"address": "anna@example.org", "items": 3}
    return {
        "kind": certificate.KIND,
        "pair": PAIR.hex(),
        "complete": True,
        "ended_at": "2026-03-01T09:00:00.000000Z",
        "source": side,
        "target": side,
        "own_on_target": 0,
        "folders": [],
        "differences": [],
    } | changes


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    assert make_keys(tmp_path)
    return tmp_path


def sealed(secrets: Path, **changes: Any) -> bytes:
    return certificate.sealed(
        statement(**changes), certificate.signing_key((secrets / certificate.KEY_FILE).read_bytes())
    )


def verified(*words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(build("certificate"), ["certificate", "verify", "--json", *words])
    return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


@given(st.dictionaries(st.text("abcxyz_", min_size=1), _VALUES))
def test_what_was_signed_comes_back_and_nothing_else_does(content: dict[str, Any]) -> None:
    key = certificate.signing_key(certificate.new_keys()[0])
    document = content | {"kind": certificate.KIND, "n": 1}
    file = certificate.sealed(document, key)
    assert certificate.opened(certificate.unpacked(certificate.packed(file)), key.public_key()) == document
    envelope = json.loads(file)
    envelope["certificate"]["n"] = 2
    with pytest.raises(CertificateError, match="changed after it was signed"):
        certificate.opened(json.dumps(envelope).encode(), key.public_key())


def test_a_key_is_made_once_and_readable_by_its_owner_alone(secrets: Path) -> None:
    before = (secrets / certificate.KEY_FILE).read_bytes()
    assert not make_keys(secrets)
    assert (secrets / certificate.KEY_FILE).read_bytes() == before
    assert (secrets / certificate.KEY_FILE).stat().st_mode & 0o077 == 0


def test_the_command_line_checks_files_without_a_system(secrets: Path, tmp_path: Path) -> None:
    file, public = tmp_path / "anna.json", str(secrets / certificate.PUBLIC_FILE)
    file.write_bytes(sealed(secrets))
    code, results = verified(str(file), "--key", public)
    assert (code, results[0]["genuine"]) == (0, True)
    file.write_bytes(sealed(secrets, complete=False))
    code, results = verified(str(file), "--key", public)
    assert (code, results[0]["genuine"]) == (1, True)
    file.write_bytes(sealed(secrets).replace(b"anna@", b"bert@"))
    code, results = verified(str(file), "--key", public)
    assert (code, results[0]["genuine"]) == (1, False)
    other = tmp_path / "other.pem"
    other.write_bytes(certificate.new_keys()[1])
    code, results = verified(str(file), "--key", str(other))
    assert (code, results[0]["problem"]) == (1, "another key signed it than the one that it should be")


def test_people_read_how_much_differs_before_what_does(secrets: Path, tmp_path: Path) -> None:
    file = tmp_path / "anna.json"
    double = {"folder": "Inbox", "what": "twice", "side": "target", "subject": "Tickets [1]"}
    file.write_bytes(sealed(secrets, complete=False, missing=0, surplus=1, read_flags=2, differences=[double]))
    words = ["certificate", "verify", str(file), "--key", str(secrets / certificate.PUBLIC_FILE)]
    said = CliRunner().invoke(build("certificate"), words).stdout.splitlines()
    assert [line.strip() for line in said[-2:]] == [
        "1 that the source has not, or not so often, 2 read flags to be set",
        "twice Inbox 'Tickets [1]'",
    ]


@pytest.mark.parametrize(
    ("rubbish", "words"),
    [
        (b"\xff\xfe\x00", "cannot be read as one"),
        (b"hello", "cannot be read as one"),
        (b"[]", "cannot be read as one"),
        (b"{}", "it has no 'certificate'"),
    ],
)
def test_what_is_no_certificate_is_told_so_in_words(rubbish: bytes, words: str, secrets: Path) -> None:
    key = certificate.public_key((secrets / certificate.PUBLIC_FILE).read_bytes())
    with pytest.raises(CertificateError, match=words):
        certificate.opened(rubbish, key)


def test_the_switch_believes_one_that_is_genuine_complete_and_of_this_mailbox(secrets: Path, tmp_path: Path) -> None:
    def asked(packed: bytes, folder: Path = secrets) -> datetime:
        return certified_at(packed, PAIR, folder)

    assert asked(certificate.packed(sealed(secrets))) == datetime(2026, 3, 1, 9, tzinfo=UTC)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(CertificateError, match="isthmus certificate key"):
        asked(certificate.packed(sealed(secrets)), elsewhere)
    make_keys(elsewhere)
    for packed, reason in (
        (b"", "has no key"),
        (b"nonsense", "packed"),
        (certificate.packed(sealed(secrets, pair="00" * 16)), "another mailbox"),
        (certificate.packed(sealed(secrets, complete=False)), "does not say"),
        (certificate.packed(sealed(elsewhere)), "another key"),
    ):
        with pytest.raises(CertificateError, match=reason):
            asked(packed)
