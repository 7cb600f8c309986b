"""A comparison of both sides as a signed certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isthmus.accounts.v1.accounts_pb2 import Account
from isthmus_sync.mailbox import certificate, hierarchy

from isthmus_mailbox.boxes import Box, Counts
from isthmus_mailbox.organisations import Way
from isthmus_mailbox.proving import Kept, Proof
from isthmus_mailbox.trees import TREES


def certify(box: Box, way: Way, proof: Proof, secrets: Path, *, passes: int, counts: Counts) -> bytes | None:
    """The packed certificate; None where the secrets folder has no key to sign with. Raises CertificateError."""
    try:
        pem = (secrets / certificate.KEY_FILE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise certificate.CertificateError(f"the key that signs certificates cannot be read: {error}") from error
    document = statement(box, way, proof, passes=passes, counts=counts, at=datetime.now(UTC))
    return certificate.packed(certificate.sealed(document, certificate.signing_key(pem)))


def statement(box: Box, way: Way, proof: Proof, *, passes: int, counts: Counts, at: datetime) -> dict[str, Any]:
    """What the certificate says; docs/operating/proof.md explains each field."""
    project = way.project
    return {
        "kind": certificate.KIND,
        "project": project.project,
        "collection": box.pair.collection,
        "pair": box.id.hex(),
        "began_at": _time(datetime.fromtimestamp(proof.began_at, UTC)),
        "ended_at": _time(at),
        "passes": passes,
        "complete": proof.equal,
        "trees": [hierarchy.joined((), TREES[top].name) for top in proof.trees],
        "source": _side(box.pair.source, project.source.name, proof.from_items, proof, 0),
        "target": _side(box.pair.target, project.target.name, proof.to_items, proof, 1),
        "missing": proof.missing,
        "removed_on_target": proof.removed,
        "different": proof.different,
        "surplus": proof.surplus - proof.own,
        "twice": proof.twice,
        "own_on_target": proof.own,
        "missing_folders": proof.missing_folders,
        "unread_folders": proof.unread,
        "read_flags": proof.flags,
        "set_aside": counts.set_aside,
        "by_properties": counts.by_properties,
        "filters": [rule.model_dump(mode="json", exclude_defaults=True) for rule in way.collection.filters],
        "left_out": {
            "items": proof.left_out.total(),
            "bytes": proof.left_out_bytes,
            "by_filter": dict(proof.left_out),
        },
        "folders": [
            {
                "path": folder.path,
                "source_items": folder.items[0],
                "target_items": folder.items[1],
                "source_bytes": folder.sizes[0],
                "target_bytes": folder.sizes[1],
                "source_digest": folder.digests[0].hex(),
                "target_digest": folder.digests[1].hex(),
            }
            for folder in proof.folders
        ],
        "differences": [_difference(each) for each in proof.listed],
    }


def _side(account: Account, organisation: str, items: int, proof: Proof, side: int) -> dict[str, Any]:
    return {
        "organisation": organisation,
        "address": account.primary_smtp_address,
        "mailbox_guid": account.mailbox_guid.hex(),
        "items": items,
        "bytes": sum(folder.sizes[side] for folder in proof.folders),
        "digest": (proof.digest, proof.to_digest)[side].hex(),
    }


def _difference(kept: Kept) -> dict[str, Any]:
    said: dict[str, Any] = {"folder": kept.folder, "what": kept.what}
    if kept.instead:
        said["reason" if kept.what == "unread" else "instead"] = kept.instead
    if kept.entry is not None:
        said |= {
            "side": "source" if kept.on_from_side else "target",
            "item": kept.entry.id,
            "search_key": kept.entry.search_key.hex(),
            "associated": kept.entry.associated,
            "size": kept.entry.size,
            "modified": kept.entry.modified,
        }
    if kept.twin is not None:
        said |= {"twin_on_source": kept.twin[0], "twin_on_target": kept.twin[1]}
    if kept.label is not None:
        said |= {"subject": kept.label.subject, "class": kept.label.item_class}
    return said


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
