"""``isthmus lab``: the commands of the lab, which are the lab's own."""

from __future__ import annotations

from isthmus_lab.commands import app as lab

__all__ = ["lab"]
