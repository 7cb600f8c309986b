"""UpdateDelegate ([MS-OXWSDLGM] 3.1.4.4)."""

from __future__ import annotations

from ..call import Call, operation
from ..delegates import Office, each_of
from ..soap import Answer


@operation
def update_delegate(call: Call) -> Answer:
    """Each delegate by itself, and who gets meeting messages."""
    office = Office(call)
    office.deliver()
    return office.answer(each_of(office.update, call.children("DelegateUsers")))
