"""Puts what was measured into docs/performance.md: a table between two markers, and a chart."""

import re
import time
from html import escape

from .tools import ROOT, note

PAGE = ROOT / "docs" / "performance.md"
WIDTH, BAR, LABEL, RIGHT = 880, 26, 500, 90


def write(name, result, rows):
    """`rows`: what, unit, spread, target or None. A target is the most there may be, unless the name ends with `at least`."""
    machine, busy = result["machine"], result["load_average_before"]
    lines = [
        f"![{name}: what it takes of each target](images/performance-{name}.svg)",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {time.strftime('%Y-%m-%d')}; load average before: {busy:.1f}"
        + (" (**a busy machine**: read the ratios, and these with care)" if busy > 0.5 else ""),
        "",
        "| | Measured | Range | Target | |",
        "|---|---|---|---|---|",
    ]
    for what, unit, value, target in rows:
        least = what.endswith("at least")
        aim = "" if target is None else f"{'≥' if least else '≤'} {target:g}"
        met = "" if target is None else ("met" if holds(value, target, least) else "**missed**")
        lines.append(f"| {what.removesuffix(': at least')} | {figure(value['median'])} {unit} | {figure(value['min'])}–{figure(value['max'])} | {aim} | {met} |")
    begin, end = f"<!-- {name}: written by scripts/bench -->", f"<!-- end of {name} -->"
    text = PAGE.read_text()
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if not found:
        raise SystemExit(f"bench: {PAGE} has no place for the table: {begin}")
    PAGE.write_text(text[: found.start()] + "\n".join([begin, *lines, end]) + text[found.end() :])
    chart = ROOT / "docs" / "images" / f"performance-{name}.svg"
    chart.write_text(svg([row for row in rows if row[3] is not None]))
    note("wrote", PAGE, "and", chart)


def holds(value, target, least):
    return value["median"] >= target if least else value["median"] <= target


def figure(number):
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def svg(rows):
    """How much of its target each figure takes: left of the line it is met."""
    height = 40 + BAR * len(rows) + 20
    line = LABEL + (WIDTH - LABEL - RIGHT) * 2 // 3
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{line}" y="20" text-anchor="middle" fill="#444">target</text>',
    ]
    for number, (what, unit, value, target) in enumerate(rows):
        least = what.endswith("at least")
        share = target / value["median"] if least else value["median"] / target
        width = min(share, 1.45) * (line - LABEL)
        top, colour = 32 + BAR * number, "#2f7d4f" if holds(value, target, least) else "#b3412e"
        parts += [
            f'<text x="{LABEL - 10}" y="{top + 16}" text-anchor="end" fill="#222">{escape(what.removesuffix(": at least"))}</text>',
            f'<rect x="{LABEL}" y="{top + 3}" width="{width:.1f}" height="{BAR - 8}" fill="{colour}"/>',
            f'<text x="{LABEL + width + 6:.1f}" y="{top + 16}" fill="#222">{figure(value["median"])} {escape(unit)}</text>',
        ]
    parts.append(f'<line x1="{line}" y1="26" x2="{line}" y2="{height - 12}" stroke="#444" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
