"""GetUserConfiguration ([MS-OXWSUSRCFG] 3.1.4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import Rights

from ..call import Call, reading
from ..names import Element, child, m, text
from ..soap import Answer
from ..user_configuration import Configuration


@reading
def get_user_configuration(call: Call) -> Answer:
    """The parts of a configuration that are asked for."""
    wanted = set((text(call.element, "UserConfigurationProperties") or "").split())

    def handle() -> Iterator[Element]:
        shown = Configuration(call, child(call.element, "UserConfigurationName"), Rights.READ_ANY).show(wanted)
        shown.tag = m("UserConfiguration").tag
        yield shown

    return call.answer(handle)
