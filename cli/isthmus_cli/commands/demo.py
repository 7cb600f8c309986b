"""``isthmus demo``."""

from __future__ import annotations

from ..demo.story import demo

__all__ = ["demo"]
