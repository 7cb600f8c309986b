"""Why an attribute is written, in words for the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from isthmus_sync.directory.attributes import kept_in_step, owner_of
from isthmus_sync.directory.objects import Side

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.decision import Decision


def reasons(attributes: Iterable[str], decision: Decision, project: Project) -> dict[str, str]:
    """Why this decision writes these attributes."""
    kept = kept_in_step(decision.kind, project)
    return {attribute: _reason(attribute, kept, decision, project) for attribute in attributes}


def _reason(attribute: str, kept: frozenset[str], decision: Decision, project: Project) -> str:
    name = attribute.lower()
    if name == "targetaddress" and decision.source.kind.is_account and decision.source.has_mailbox:
        active = project.source if decision.pair.active is Side.SOURCE else project.target
        return f"mail goes to {active.name}, the active side"
    if name == "proxyaddresses":
        return "the addresses of both sides, and their old names"
    if name == "targetaddress" or name in kept:
        owner = owner_of(attribute, project)
        names = {"source": project.source.name, "target": project.target.name}
        return f"kept in step, owned by {names[owner]}" if owner in names else "kept in step, the newest wins"
    if name in ("msexchelcmailboxflags", "msexchlitigationholddate"):
        return f"the holds of the mailbox in {project.source.name}, and whether there is an archive"
    return f"makes it a recipient of {project.target.name}"
