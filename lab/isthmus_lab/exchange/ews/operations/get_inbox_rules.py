"""GetInboxRules ([MS-OXWSRULES] 3.1.4.1). Its answer is written without prefixes, as in 4.4."""

from __future__ import annotations

from ...rules.table import BY_OUTLOOK, has_outlook_blob, rules
from ..call import Call, reading
from ..names import m, unprefixed
from ..rules import mailbox_of, show
from ..soap import Answer


@reading
def get_inbox_rules(call: Call) -> Answer:
    """The rules that the person made, in their order; without any there is no InboxRules."""
    mailbox = mailbox_of(call)
    node = m("GetInboxRulesResponse", m("ResponseCode", "NoError"), ResponseClass="Success")
    node.append(m("OutlookRuleBlobExists", "true" if has_outlook_blob(mailbox) else "false"))
    found = [rule for rule in rules(mailbox) if rule.provider == BY_OUTLOOK]
    if found:
        listed = m("InboxRules")
        listed.extend(show(mailbox, rule) for rule in found)
        node.append(listed)
    return unprefixed(node)
