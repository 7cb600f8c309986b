"""CreateUserConfiguration ([MS-OXWSUSRCFG] 3.1.4.1)."""

from __future__ import annotations

from isthmus_lab.store import Rights

from ..call import Call, operation
from ..names import Element, child
from ..soap import Answer
from ..user_configuration import Configuration


@operation
def create_user_configuration(call: Call) -> Answer:
    """A new configuration in a folder."""

    def handle() -> tuple[Element, ...]:
        wanted = child(call.element, "UserConfiguration")
        assert wanted is not None  # the schema demands it
        Configuration(call, child(wanted, "UserConfigurationName"), Rights.CREATE).create(wanted)
        return ()

    return call.answer(handle)
