"""UpdateUserConfiguration ([MS-OXWSUSRCFG] 3.1.4.4)."""

from __future__ import annotations

from isthmus_lab.store import Rights

from ..call import Call, operation
from ..names import Element, child
from ..soap import Answer
from ..user_configuration import Configuration


@operation
def update_user_configuration(call: Call) -> Answer:
    """Sets parts of a configuration."""

    def handle() -> tuple[Element, ...]:
        wanted = child(call.element, "UserConfiguration")
        assert wanted is not None  # the schema demands it
        Configuration(call, child(wanted, "UserConfigurationName"), Rights.EDIT_ANY).update(wanted)
        return ()

    return call.answer(handle)
