"""``/lab/conditions``: the page by which conditions are looked at and replaced while the server runs.

GET gives ``{"conditions": {…}, "injected": {rule: how often}}``. PUT takes conditions as in the settings; sections that
are not in it stay as they are, and what is replaced counts from nothing again. Both are for those who may impersonate.
"""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from .model import Conditions
from .pressure import Pressure


def show(pressure: Pressure) -> web.Response:
    """What applies, and what was injected."""
    return web.json_response(
        {"conditions": pressure.conditions.model_dump(mode="json"), "injected": pressure.faults.injected}
    )


def put(pressure: Pressure, body: bytes) -> web.Response:
    """Replaces sections; an answer with 400 says what is wrong."""
    try:
        given = Conditions.model_validate_json(body)
    except ValidationError as error:
        wrong = [{"where": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
        return web.json_response({"wrong": wrong}, status=400)
    sections = {name: getattr(given, name) for name in given.model_fields_set}
    pressure.replace(pressure.conditions.model_copy(update=sections))
    return show(pressure)
