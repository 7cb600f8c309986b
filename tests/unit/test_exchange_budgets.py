"""Decisions of the lab's Exchange about budgets, by a clock that the tests move."""

from __future__ import annotations

import pytest
from isthmus_lab.exchange.conditions.budgets import Budgets, charged
from isthmus_lab.exchange.conditions.line import Instead
from isthmus_lab.exchange.conditions.model import FaultPlan, Rule, Throttling
from isthmus_lab.exchange.ews.errors import EwsError
from isthmus_lab.exchange.ews.versions import VERSIONS
from pydantic import ValidationError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def spend(budgets: Budgets, clock: Clock, seconds: float) -> None:
    with budgets.charge("anna", "GetItem"):
        clock.now += seconds


def test_a_burst_is_free_then_it_is_slow_then_refused_and_it_comes_back() -> None:
    clock = Clock()
    policy = Throttling(max_burst_ms=10_000, recharge_ms=900_000, cutoff_ms=20_000, lockout_ms=60_000)
    budgets = Budgets(policy, clock)
    spend(budgets, clock, 9)
    assert budgets.slower("anna", 9000) == 0
    spend(budgets, clock, 8)
    assert budgets.slower("anna", 8000) == 3 * 8000  # served at the rate of the recharge, a quarter
    assert budgets.refused("anna") is None
    spend(budgets, clock, 25)
    refused = budgets.refused("anna")
    assert isinstance(refused, EwsError)
    assert (refused.code, refused.values) == ("ErrorServerBusy", {"BackOffMilliseconds": "60000"})
    clock.now += 59
    later = budgets.refused("anna")
    assert isinstance(later, EwsError)
    assert later.values == {"BackOffMilliseconds": "1000"}
    assert budgets.refused("bert") is None
    clock.now += 2
    assert budgets.refused("anna") is None
    clock.now += 3600
    spend(budgets, clock, 9)
    assert budgets.slower("anna", 9000) == 0


def test_iis_is_busy_in_its_own_way() -> None:
    clock = Clock()
    budgets = Budgets(Throttling(max_burst_ms=0, cutoff_ms=0, lockout_ms=2500, shape="unavailable"), clock)
    spend(budgets, clock, 1)
    refused = budgets.refused("anna")
    assert isinstance(refused, Instead)
    assert (refused.response.status, refused.response.headers["Retry-After"]) == (503, "3")


def test_kinds_of_connections_are_counted_apart() -> None:
    budgets = Budgets(Throttling(max_concurrency=2, sync_calls=1, hanging_connections=1))
    with budgets.charge("anna", "GetStreamingEvents"), budgets.charge("anna", "SyncFolderItems"):
        for kind in ("GetStreamingEvents", "SyncFolderHierarchy"):
            with pytest.raises(EwsError, match="ErrorExceededConnectionCount"), budgets.charge("anna", kind):
                pass
        others = budgets.charge("anna", "GetItem"), budgets.charge("bert", "SyncFolderItems")
        with others[0], others[1], pytest.raises(EwsError, match="Exceeded"), budgets.charge("anna", "GetItem"):
            pass
    with budgets.charge("anna", "SyncFolderItems"):
        pass


def test_rules_get_names_and_names_are_unique() -> None:
    plan = FaultPlan(rules=(Rule(fault="reset"), Rule(fault="slow")))
    assert [rule.name for rule in plan.rules] == ["reset-1", "slow-2"]
    with pytest.raises(ValidationError, match="same name"):
        FaultPlan(rules=(Rule(fault="reset", name="x"), Rule(fault="slow", name="x")))


def test_an_old_server_charges_the_service_account() -> None:
    old, new = VERSIONS["Exchange2010_SP2"].build, VERSIONS["Exchange2013"].build
    assert charged("anna", "anna", new) == charged("anna", "anna", old)
    assert charged("service", "anna", old) == charged("service", "bert", old) == "service"
    assert len({charged("service", "anna", new), charged("service", "bert", new), charged("anna", "anna", new)}) == 3
