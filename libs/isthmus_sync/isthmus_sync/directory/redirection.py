"""Mail redirection: a function of the active side. The inactive side's object sends everything on to the active one.

Both objects carry the redirection address of their own organisation as a secondary address, always, so that mail that
was sent on is recognised on arrival; the inactive one has the other's as its targetAddress, the active one has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus_sync.directory.addresses import ProxyAddress, alias, in_domain, proxies
from isthmus_sync.directory.objects import DirectoryObject, Side, Values, as_values

if TYPE_CHECKING:
    from isthmus_project import Project


@dataclass(frozen=True, slots=True)
class Redirection:
    """For each side: the address it is reached at, and what its targetAddress must be."""

    address: dict[Side, str]
    target_address: dict[Side, Values]


def redirection(
    source: DirectoryObject, target: DirectoryObject, active: Side, target_alias: str, project: Project
) -> Redirection | None:
    """How the mail of a pair is redirected; None for what has no mailbox on the source."""
    if not source.kind.is_account or not source.has_mailbox:
        return None
    address = {
        Side.SOURCE: project.source.redirection_address(alias(source)),
        Side.TARGET: project.target.redirection_address(target_alias),
    }
    objects = {Side.SOURCE: source, Side.TARGET: target}
    templates = (project.source.redirection, project.target.redirection)
    own = objects[active].text("targetAddress")
    ours = any(in_domain(ProxyAddress.parse(own).address, template) for template in templates)
    return Redirection(
        address,
        {
            active.other: as_values(f"SMTP:{address[active]}"),
            # A forwarding that somebody else set on the active side is not ours to take away.
            active: () if ours or not own else as_values(own),
        },
    )


def carried(obj: DirectoryObject, side: Side, wanted: Redirection) -> bool:
    """Whether an object is as its redirection wants it."""
    held = {proxy.key for proxy in proxies(obj)}
    return obj.raw("targetAddress") == wanted.target_address[side] and wanted.address[side].casefold() in held
