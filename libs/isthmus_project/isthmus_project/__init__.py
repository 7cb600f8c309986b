"""The project file: its model, its errors with line numbers, its secrets."""

from importlib.resources import files

from .agents_named import name_agents
from .filters import Conditions, Filter
from .limits import LineLimits, ServerLimits
from .load import Problem, ProjectError, load_project, named_pairs_file
from .model import (
    Archives,
    Collection,
    Create,
    DirectoryServer,
    DirectorySync,
    ExchangeServer,
    MailboxSync,
    MappedOU,
    MatchRule,
    NamedPair,
    Organisation,
    Project,
    Secret,
    Surroundings,
)
from .pairs_file import add_pair
from .rules import AttributeOwner, AttributeRule, Replacement
from .schedule import Schedule

TEMPLATE = (files(__name__) / "template.yaml").read_text(encoding="utf-8")
"""The project file that ``isthmus init`` writes: complete, commented, and valid once the names are yours."""

__all__ = [
    "TEMPLATE",
    "Archives",
    "AttributeOwner",
    "AttributeRule",
    "Collection",
    "Conditions",
    "Create",
    "DirectoryServer",
    "DirectorySync",
    "ExchangeServer",
    "Filter",
    "LineLimits",
    "MailboxSync",
    "MappedOU",
    "MatchRule",
    "NamedPair",
    "Organisation",
    "Problem",
    "Project",
    "ProjectError",
    "Replacement",
    "Schedule",
    "Secret",
    "ServerLimits",
    "Surroundings",
    "add_pair",
    "load_project",
    "name_agents",
    "named_pairs_file",
]
