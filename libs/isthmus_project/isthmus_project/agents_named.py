"""Names the agents of a project file's organisations, and leaves the rest of the file as it is, comments included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML


def name_agents(path: Path, agents: Mapping[str, str]) -> bool:
    """Have the sides ("source", "target") be asked by these agents (host:port), and the others directly.

    Returns whether the file was changed. It must be a valid project file. Raises OSError.
    """
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096  # long distinguished names stay on their line
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path.read_text(encoding="utf-8"))
    changed = False
    for side in ("source", "target"):
        exchange = document[side]["exchange"]
        if exchange.get("agent") != agents.get(side):
            changed = True
            if side in agents:
                exchange["agent"] = agents[side]
            else:
                del exchange["agent"]
    if changed:
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
        temporary.replace(path)
    return changed
