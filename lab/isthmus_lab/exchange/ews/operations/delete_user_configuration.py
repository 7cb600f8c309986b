"""DeleteUserConfiguration ([MS-OXWSUSRCFG] 3.1.4.2)."""

from __future__ import annotations

from isthmus_lab.store import Rights

from ..call import Call, operation
from ..names import Element, child
from ..soap import Answer
from ..user_configuration import Configuration


@operation
def delete_user_configuration(call: Call) -> Answer:
    """Takes a configuration away."""

    def handle() -> tuple[Element, ...]:
        Configuration(call, child(call.element, "UserConfigurationName"), Rights.DELETE_ANY).delete()
        return ()

    return call.answer(handle)
