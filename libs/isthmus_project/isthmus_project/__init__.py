"""The project file: its model, its errors with line numbers, its secrets."""

from importlib.resources import files

from .load import Problem, ProjectError, load_project
from .model import (
    AttributeOwner,
    Collection,
    Create,
    DirectoryServer,
    DirectorySync,
    ExchangeServer,
    MailboxSync,
    MatchRule,
    Organisation,
    Project,
    Secret,
)

TEMPLATE = (files(__name__) / "template.yaml").read_text(encoding="utf-8")
"""The project file that ``isthmus init`` writes: complete, commented, and valid once the names are yours."""

__all__ = [
    "TEMPLATE",
    "AttributeOwner",
    "Collection",
    "Create",
    "DirectoryServer",
    "DirectorySync",
    "ExchangeServer",
    "MailboxSync",
    "MatchRule",
    "Organisation",
    "Problem",
    "Project",
    "ProjectError",
    "Secret",
    "load_project",
]
