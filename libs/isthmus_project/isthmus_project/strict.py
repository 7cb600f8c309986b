"""The base of everything in a project file: unknown fields are errors, and nothing changes after it was read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
