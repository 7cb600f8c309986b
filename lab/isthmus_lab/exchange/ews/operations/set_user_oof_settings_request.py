"""SetUserOofSettings ([MS-OXWSOOF] 3.1.4.2)."""

from __future__ import annotations

from ... import automatic_replies
from .. import oof
from ..call import Call, as_ews_error, now, operation
from ..errors import EwsError
from ..names import child
from ..soap import Answer


@operation
def set_user_oof_settings_request(call: Call) -> Answer:
    """Replaces the settings."""
    name = "SetUserOofSettings"
    try:
        mailbox, written = oof.mailbox_of(call), child(call.element, "UserOofSettings")
        if written is None:
            raise EwsError("ErrorInvalidUserOofSettings", "UserOofSettings is missing.")
        with mailbox.transaction():
            automatic_replies.save(mailbox, oof.parse(written, automatic_replies.load(mailbox), now()))
    except Exception as error:
        return oof.response(name, as_ews_error(error), [])
    return oof.response(name, None, [])
