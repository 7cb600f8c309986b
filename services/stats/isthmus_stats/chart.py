"""Charts as inline SVG: shapes only, stretched to the space they get; words stand beside them in HTML.

Colours come from the style sheet by class, so the strict content security policy and dark mode need nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 600.0, 100.0


def bars(values: Sequence[float], label: str) -> Markup:
    """One bar a value; the highest one fills the height."""
    top = max(values, default=0) or 1
    step = WIDTH / max(1, len(values))
    shapes = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1"/>').format(
            at * step, HEIGHT - value / top * HEIGHT, step * 0.72, value / top * HEIGHT
        )
        for at, value in enumerate(values)
        if value
    )
    return _svg("bars", label, shapes)


def curve(points: Sequence[tuple[float, float, float]], label: str) -> Markup:
    """How ``done`` rose towards ``total``: points of (when, done, total), in the order of time."""
    begin, end = points[0][0], points[-1][0]
    length = (end - begin) or 1
    top = max(max(done, total) for _, done, total in points) or 1

    def place(when: float, value: float) -> str:
        return f"{(when - begin) / length * WIDTH:.1f},{HEIGHT - value / top * (HEIGHT - 4):.1f}"

    line = " ".join(place(when, done) for when, done, _ in points)
    # A total stands until the next one is known.
    goal = " ".join(
        f"{place(when, points[max(0, at - 1)][2])} {place(when, total)}" for at, (when, _, total) in enumerate(points)
    )
    return _svg(
        "curve",
        label,
        Markup(
            '<polygon class="area" points="0,{} {} {},{}"/><polyline class="goal" points="{}"/>'
            '<polyline class="line" points="{}"/>'
        ).format(HEIGHT, line, WIDTH, HEIGHT, goal, line),
    )


def shares(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """One bar cut into parts of (class, weight); what weighs nothing is left out."""
    total = sum(weight for _, weight in parts) or 1
    shapes, at = [], 0.0
    for name, weight in parts:
        if weight:
            width = weight / total * WIDTH
            shapes.append(
                Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="{}"/>').format(name, at, width, HEIGHT)
            )
            at += width
    return _svg("shares", label, Markup("").join(shapes))


def _svg(kind: str, label: str, shapes: Markup) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(kind, WIDTH, HEIGHT, label, shapes)
