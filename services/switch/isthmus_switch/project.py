"""The project as it is applied now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_project import Project
from pydantic import ValidationError

if TYPE_CHECKING:
    from isthmus.events.v1.project_pb2 import ProjectApplied
    from isthmus_events import Table


def current_project(projects: Table[ProjectApplied]) -> Project:
    """The newest project. Raises LookupError, with what to do, when there is none or this version cannot read it."""
    applied = max(projects.values(), key=lambda project: project.revision, default=None)
    if applied is None:
        raise LookupError("no project was applied yet; do so with 'isthmus apply'")
    try:
        return Project.model_validate_json(applied.document)
    except ValidationError as error:
        raise LookupError(
            f"the project {applied.project} was applied by another version of Isthmus and cannot be read here "
            f"({error.error_count()} errors): apply it again with this one"
        ) from error
