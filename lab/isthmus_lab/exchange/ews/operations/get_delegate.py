"""GetDelegate ([MS-OXWSDLGM] 3.1.4.2)."""

from __future__ import annotations

from functools import partial

from ..call import Call, reading
from ..delegates import Office, each_of
from ..names import flag
from ..soap import Answer


@reading
def get_delegate(call: Call) -> Answer:
    """All delegates of a mailbox, or those that are named."""
    office, permissions = Office(call), flag(call.element.get("IncludePermissions"))
    named = call.children("UserIds")
    if named:
        asked = each_of(lambda user: office.show(office.known(user), permissions=permissions), named)
    else:
        asked = [partial(office.show, each, permissions=permissions) for each in office.delegation.delegates]
    return office.answer(asked, delivery=True)
