"""What follows in the target when an object of the source is deleted.

Nothing of value is deleted because something disappeared elsewhere: a mailbox, an account and whatever was in the
target before us stays. Groups and contacts that we made follow their originals, unless the project keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_sync.directory.objects import DirectoryObject, Kind

if TYPE_CHECKING:
    from isthmus_project import Project


def follows(source: DirectoryObject | None, target: DirectoryObject | None, made: bool, project: Project) -> bool:
    """Whether `target` is deleted. `source` is the original as far as it is there, `made` whether `target` is ours."""
    return (
        source is None
        and target is not None
        and made
        and target.kind in (Kind.GROUP, Kind.CONTACT)
        and project.directory.deletions == "follow"
    )
