"""RemoveDelegate ([MS-OXWSDLGM] 3.1.4.3)."""

from __future__ import annotations

from ..call import Call, operation
from ..delegates import Office, each_of
from ..soap import Answer


@operation
def remove_delegate(call: Call) -> Answer:
    """Each delegate by itself."""
    office = Office(call)
    return office.answer(each_of(office.remove, call.children("UserIds")))
