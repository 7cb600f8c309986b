"""UpdateInboxRules ([MS-OXWSRULES] 3.1.4.2)."""

from __future__ import annotations

from ...rules.table import has_outlook_blob, remove_outlook_blob
from ..call import Call, operation
from ..errors import EwsError
from ..names import flag, m, text
from ..rules import change, mailbox_of
from ..soap import Answer


@operation
def update_inbox_rules(call: Call) -> Answer:
    """All operations or none; Outlook's own picture of the rules would be wrong afterwards, so it must go."""

    def failed(code: str, words: str) -> Answer:
        node = m("UpdateInboxRulesResponse", m("MessageText", words), ResponseClass="Error")
        node.append(m("ResponseCode", code))
        node.append(m("DescriptiveLinkKey", "0"))
        return node

    try:
        mailbox = mailbox_of(call)
        blob = has_outlook_blob(mailbox)
        if blob and not flag(text(call.element, "RemoveOutlookRuleBlob")):
            raise EwsError("ErrorOutlookRuleBlobExists", "The rules of Outlook must be removed for this.")
        with mailbox.transaction():
            errors = change(call, mailbox, call.children("Operations"))
            if blob and not errors:
                remove_outlook_blob(mailbox)
    except EwsError as error:
        return failed(error.code, error.message)
    if errors:
        node = failed("ErrorInboxRulesValidationError", "A validation error occurred while processing the rules.")
        assert not isinstance(node, list)
        listed = m("RuleOperationErrors")
        listed.extend(errors)
        node.append(listed)
        return node
    return m("UpdateInboxRulesResponse", m("ResponseCode", "NoError"), ResponseClass="Success")
