"""AddDelegate ([MS-OXWSDLGM] 3.1.4.1)."""

from __future__ import annotations

from ..call import Call, operation
from ..delegates import Office, each_of
from ..soap import Answer


@operation
def add_delegate(call: Call) -> Answer:
    """Each new delegate by itself."""
    office = Office(call)
    office.deliver()
    return office.answer(each_of(office.add, call.children("DelegateUsers")))
