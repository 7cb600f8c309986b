"""Why an attribute is written, in words for the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_sync.directory.attributes import linked_attributes, owner_of, plain_attributes
from isthmus_sync.directory.objects import Side

if TYPE_CHECKING:
    from isthmus_project import Project

    from isthmus_sync.directory.decision import Decision


def reason(attribute: str, decision: Decision, project: Project) -> str:
    """Why this decision writes this attribute."""
    name = attribute.lower()
    if name == "targetaddress" and decision.source.kind.is_account and decision.source.has_mailbox:
        active = project.source if decision.pair.active is Side.SOURCE else project.target
        return f"mail goes to {active.name}, the active side"
    if name == "proxyaddresses":
        return "the addresses of both sides, and their old names"
    copied = (*plain_attributes(decision.kind, project), *linked_attributes(decision.kind, project), "targetAddress")
    if name in {each.lower() for each in copied}:
        owner = owner_of(attribute, project)
        names = {"source": project.source.name, "target": project.target.name}
        return f"kept in step, owned by {names[owner]}" if owner in names else "kept in step, the newest wins"
    return f"makes it a recipient of {project.target.name}"
