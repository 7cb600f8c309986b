"""Active Directory over LDAP: what is there, what changed, what is to be written; and the plan.

    async with Forest(project.source, secrets_dir) as source:
        bookmark = await here(source)
        objects = await read_forest(source, project)
        news = await changes(source, bookmark, ["displayName", "mail"])

What to do with it is decided in isthmus_sync.directory, from values.
"""

from isthmus_sync.directory import DirectoryObject, Link

from isthmus_directory import filters
from isthmus_directory.changes import Bookmark, Changes, all_guids, changes, here, sees_deletions
from isthmus_directory.connection import Forest
from isthmus_directory.errors import (
    BookmarkUnusable,
    DirectoryError,
    DirectoryRefused,
    DirectoryUnavailable,
    WriteRefused,
)
from isthmus_directory.exchange_facts import exchange_facts
from isthmus_directory.notification import notify
from isthmus_directory.plan import DirectoryPlan, Memory, PlannedChange, PlannedObject, plan_directory, plan_of
from isthmus_directory.reading import read_all, read_guids, read_where
from isthmus_directory.survey import Reading, Survey, collection_members, read_forest, reading, survey
from isthmus_directory.writing import bring_back, create, delete, modify, modify_each

__all__ = [
    "Bookmark",
    "BookmarkUnusable",
    "Changes",
    "DirectoryError",
    "DirectoryObject",
    "DirectoryPlan",
    "DirectoryRefused",
    "DirectoryUnavailable",
    "Forest",
    "Link",
    "Memory",
    "PlannedChange",
    "PlannedObject",
    "Reading",
    "Survey",
    "WriteRefused",
    "all_guids",
    "bring_back",
    "changes",
    "collection_members",
    "create",
    "delete",
    "exchange_facts",
    "filters",
    "here",
    "modify",
    "modify_each",
    "notify",
    "plan_directory",
    "plan_of",
    "read_all",
    "read_forest",
    "read_guids",
    "read_where",
    "reading",
    "sees_deletions",
    "survey",
]
