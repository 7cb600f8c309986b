"""Alerts and dashboards ask for metrics that exist, with labels that they have.

The metrics are read from the code: every prometheus_client metric that a library or a service declares.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
KINDS = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_count", "_sum"),
    "Summary": ("_count", "_sum"),
}
FAMILIES = {"CounterMetricFamily": "Counter", "GaugeMetricFamily": "Gauge"}
SCRAPED = {"job", "instance", "service"}
"""Labels that Prometheus adds to every sample, see deploy/prometheus/prometheus.yml."""
EVERY_PROCESS: dict[str, set[str]] = {"up": set(), "process_resident_memory_bytes": set()}
"""What Prometheus, and prometheus_client by itself, know of every process."""


@dataclass(frozen=True)
class Query:
    place: str
    expression: str


def declared_in(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Every sample name that this file declares, and its labels."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or len(node.args) < 2 or not isinstance(node.args[0], ast.Constant):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        kind = FAMILIES.get(called, called)
        name = node.args[0].value
        if kind not in KINDS or not isinstance(name, str):
            continue
        given = [
            *node.args[2:3],
            *(keyword.value for keyword in node.keywords if keyword.arg in ("labelnames", "labels")),
        ]
        labels = set(ast.literal_eval(given[0])) if given and isinstance(given[0], ast.List | ast.Tuple) else set()
        for suffix in KINDS[kind]:
            yield name.removesuffix("_total") + suffix, labels | ({"le"} if suffix == "_bucket" else set())


METRICS = EVERY_PROCESS | {
    name: labels
    for part in ("libs", "services")
    for path in sorted((ROOT / part).rglob("*.py"))
    for name, labels in declared_in(path)
}


def queries() -> Iterator[Query]:
    rules = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "isthmus.rules.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield Query(f"alert {rule['alert']}", rule["expr"])
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                yield Query(f"{path.name}: {panel['title']}", target["expr"])


QUERIES = list(queries())


def metrics_of(query: Query) -> set[str]:
    return set(re.findall(r"\bisthmus_\w+|\bprocess_\w+|\bup\b", query.expression))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_every_metric_exists(query: Query) -> None:
    asked = metrics_of(query)
    assert asked
    assert asked <= METRICS.keys()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_every_label_exists(query: Query) -> None:
    known = SCRAPED.union(*(METRICS.get(name, set()) for name in metrics_of(query)))
    asked = set(re.findall(r"[{,]\s*(\w+)\s*[=!]", query.expression))
    for group in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query.expression):
        asked |= {label.strip() for label in group.split(",")}
    assert asked <= known


def test_alerts_say_what_happened_and_what_to_do() -> None:
    rules: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "isthmus.rules.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].keys() == {"summary", "remedy"}, rule["alert"]
            assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]


def test_the_alert_for_a_service_that_is_down_knows_every_service() -> None:
    (down,) = [query for query in QUERIES if query.place == "alert ServiceDown"]
    services = {path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")}
    assert set(re.findall(r'service="(\w+)"', down.expression)) == services
