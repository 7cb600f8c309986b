"""GetUserOofSettings ([MS-OXWSOOF] 3.1.4.1)."""

from __future__ import annotations

from ... import automatic_replies
from .. import oof
from ..call import Call, as_ews_error, reading
from ..names import m
from ..soap import Answer


@reading
def get_user_oof_settings_request(call: Call) -> Answer:
    """The settings, and that replies to people outside are allowed."""
    name = "GetUserOofSettings"
    try:
        settings = automatic_replies.load(oof.mailbox_of(call))
    except Exception as error:
        return oof.response(name, as_ews_error(error), [])
    return oof.response(name, None, [oof.build(settings), m("AllowExternalOof", "All")])
