"""What two may claim: addresses that go from one to another, a contact that stands for two people."""

from __future__ import annotations

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_what_two_may_claim_is_told_and_taken_up_once_it_is_clear(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    anna, bert, carla, _ = (alpha.add_mailbox(name, name.title()) for name in ("anna", "bert", "carla", "carl"))
    help_desk, theirs = (f"smtp:{name}@{alpha.domain}" for name in ("help", "carl"))
    alpha.add_values(anna, proxyAddresses=[help_desk])
    alpha.add_values(carla, proxyAddresses=[theirs])  # nobody keeps a forest from it
    taken = f"taken@{alpha.domain}"
    other = beta.add_mailbox("other", "Other", f"other@{beta.domain}", more_addresses=[f"smtp:{taken}"])
    card = beta.add(
        "card", "contact", displayName="Carl of alpha", mail=f"carl@{alpha.domain}", mailNickname="card",
        proxyAddresses=[f"SMTP:carl@{alpha.domain}"], targetAddress=f"SMTP:carl@{alpha.domain}",
    )  # fmt: skip
    await apply(system.kafka, system.project(contacts="delete"))
    await system.status(lambda status: status.state == "in step" and status.pairs == 4)

    def addresses(name: str) -> list[str]:
        pair_of = {"carl": "Carl", "anna": "Anna", "bert": "Bert"}
        return values(beta.find("displayName", pair_of[name]), "proxyAddresses")

    # The contact stands for Carl and Carla: it stays, and neither gets what it holds.
    assert beta.find("distinguishedName", card) is not None
    assert not {theirs, f"SMTP:carl@{alpha.domain}"} & {*addresses("carl")}
    alpha.remove_values(carla, proxyAddresses=[theirs])
    eventually(lambda: beta.find("distinguishedName", card) is None, "the contact merged once it is clear for whom")
    eventually(lambda: f"SMTP:carl@{alpha.domain}" in addresses("carl"), "its address, where it belongs")

    # An address goes from one to another: at first the counterpart of the one before still has it.
    assert help_desk in addresses("anna")
    alpha.add_values(bert, proxyAddresses=[help_desk])
    alpha.remove_values(anna, proxyAddresses=[help_desk])
    eventually(lambda: help_desk in addresses("bert") and help_desk not in addresses("anna"), "an address that moved")

    # One that somebody else of the target has comes when they give it up, though they are in no pair.
    alpha.add_values(bert, proxyAddresses=[f"smtp:{taken}"])
    alpha.change(bert, title="Buyer")
    eventually(lambda: values(beta.find("displayName", "Bert"), "title") == ["Buyer"], "what else was changed")
    assert f"smtp:{taken}" not in addresses("bert")
    beta.remove_values(other, proxyAddresses=[f"smtp:{taken}"])
    eventually(lambda: f"smtp:{taken}" in addresses("bert"), "an address that became free")
