"""Rules and delegates: what the other side is to have of them."""

from __future__ import annotations

import pytest
from isthmus_exchange.values import Delegate, Delegation, InboxRule, Item, Member
from isthmus_sync.mailbox import delegation, rules, staging
from isthmus_sync.mailbox.delegation import Agreed
from isthmus_sync.mailbox.folder_settings import KeptAside


def _rule(name: str, *folders: str, enabled: bool = True, supported: bool = True, in_error: bool = False) -> InboxRule:
    content = "".join(f'<t:MoveToFolder><t:FolderId Id="{folder}"/></t:MoveToFolder>' for folder in folders)
    return InboxRule(f"id of {name}", name, 1, enabled, supported, in_error, content, folders, ())


def test_rules_name_the_folders_of_the_other_side() -> None:
    want, aside = rules.wanted(
        [
            _rule("Travel", "AA=="),
            _rule("News", "elsewhere"),
            _rule("Old", supported=False),
            _rule("Broken", in_error=True),
            _rule("Answer")._replace(items=("template",)),
        ],
        {"AA==": "BB=="},
    )
    assert [(rule.name, rule.folders, rule.content) for rule in want] == [
        ("Travel", ("BB==",), '<t:MoveToFolder><t:FolderId Id="BB=="/></t:MoveToFolder>')
    ]
    assert [each.what for each in aside] == ["News", "Old", "Broken", "Answer"]
    assert all(each.reason for each in aside)


def _ending(rule: InboxRule) -> InboxRule:
    return rule._replace(content=rule.content + "<t:StopProcessingRules>true</t:StopProcessingRules>")


def _forwarding(name: str, *, enabled: bool = True) -> InboxRule:
    return _rule(name, enabled=enabled)._replace(content="<t:ForwardToRecipients>…</t:ForwardToRecipients>")


@pytest.mark.parametrize(
    ("before", "forwards"),
    [
        (_ending(_rule("Staff", "elsewhere")), False),
        (_rule("Staff", supported=False), False),
        (_rule("Staff", "elsewhere"), True),
        (_ending(_rule("Staff", "AA==")), True),
        (_ending(_rule("Staff", "elsewhere", enabled=False)), True),
        (_ending(_rule("Staff", "elsewhere", in_error=True)), True),
    ],
)
def test_nothing_is_sent_out_that_a_rule_kept_back_which_cannot_come_over(before: InboxRule, forwards: bool) -> None:
    source = [
        _forwarding("Earlier"),
        before,
        _rule("Travel", "AA=="),
        _forwarding("All"),
        _forwarding("Off", enabled=False),
    ]
    want, aside = rules.wanted(source, {"AA==": "BB=="})
    names = [rule.name for rule in want]
    assert {"Earlier", "Travel", "Off"} <= {*names}, "what others can see is seen already, what is moved can be found"
    assert ("All" in names) == forwards
    assert {*names} | {each.what for each in aside} == {rule.name for rule in source}
    # The same where only the to side's server refuses it.
    left, aside = rules.without([_ending(_rule("Staff")), _forwarding("All")], {0: "ErrorInvalidValue"})
    assert (left, [each.what for each in aside]) == ([], ["Staff", "All"])


def test_rules_are_made_once_and_those_of_the_owner_stay() -> None:
    want = [_rule("One"), _rule("Two")]
    own = _rule("Mine")
    assert rules.plan(want, [], [own]) == rules.Plan([], want)
    assert rules.plan(want, ["One", "Two"], [own, *want]) == rules.Plan([], [])
    # Brought by a pass of which nothing is written down.
    assert rules.plan(want, [], [*want, own]) == rules.Plan([], [])


def test_rules_that_changed_are_made_anew_in_their_order() -> None:
    present = [_rule("One"), _rule("Two"), _rule("Mine")]
    want = [_rule("Two", enabled=False), _rule("One")]
    assert rules.plan(want, ["One", "Two"], present) == rules.Plan(["id of One", "id of Two"], want)
    assert rules.plan([], ["One", "Two"], present) == rules.Plan(["id of One", "id of Two"], [])


def test_what_a_server_keeps_rules_in_is_no_item() -> None:
    item = Item("id", "key", b"", 1, True, False, "", "IPM.Rule.Version2.Message")
    assert not staging.is_content(item)
    assert not staging.is_content(item._replace(item_class="IPM.RuleOrganizer"))
    assert staging.is_content(item._replace(item_class="IPM.ExtendedRule.Message"))
    assert staging.is_content(item._replace(item_class="IPM.Configuration.CategoryList"))
    assert staging.is_content(item._replace(associated=False))


def _delegate(name: str, side: str = "beta", *, level: str = "Editor", copies: bool = True) -> Delegate:
    levels = (("CalendarFolderPermissionLevel", level), ("TasksFolderPermissionLevel", "Custom"))
    return Delegate(Member(address=f"{name}@{side}.test"), levels, copies, False)


def test_delegates_come_change_and_go_and_wait_until_they_exist() -> None:
    counterparts: dict[str, Member | str] = {
        "anna@alpha.test": Member(address="anna@beta.test"),
        "bert@alpha.test": "has no account on the other side yet",
    }
    source = Delegation([_delegate("anna", "alpha"), _delegate("bert", "alpha")], "DelegatesOnly")
    want, aside = delegation.wanted(source, counterparts)
    assert list(want.delegates.values()) == [_delegate("anna")]
    assert aside == [KeptAside("bert@alpha.test", "delegate", "has no account on the other side yet")]
    assert Agreed.of(want.text()) == want

    own = _delegate("own")
    first = delegation.plan(want, Agreed(), Delegation([own], "NoForward"))
    assert first == delegation.Plan([_delegate("anna")], [], [], "DelegatesOnly")
    there = Delegation([own, _delegate("anna", level="Reviewer")], "DelegatesOnly")
    assert delegation.plan(want, want, there) == delegation.Plan([], [_delegate("anna")], [], "")
    there = Delegation([own, _delegate("anna")], "DelegatesOnly")
    assert delegation.plan(want, want, there) == delegation.Plan([], [], [], "")
    assert delegation.plan(Agreed(), want, there) == delegation.Plan([], [], [Member(address="anna@beta.test")], "")
