"""Puts what was measured into docs/performance.md: a table between two markers, and a chart."""

import re
import time
from html import escape
from typing import NamedTuple

from .tools import ROOT, note

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
WIDTH, BAR, LABEL, RIGHT = 880, 26, 500, 90
GOOD, BAD, OTHER = "#2f7d4f", "#b3412e", "#8a94a6"


def write(name, result, shown):
    """`shown` has the table and the chart, and says what the chart shows: [`AgainstTargets`] or [`SideBySide`]."""
    machine, busy = result["machine"], result["load_average_before"]
    lines = [
        f"![{name}: {shown.caption}](images/performance-{name}.svg)",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {time.strftime('%Y-%m-%d')}; load average before: {busy:.1f}"
        + (" (**a busy machine**: read the ratios, and these with care)" if busy > 0.5 else ""),
        "",
        *shown.table(),
    ]
    PAGE.write_text(put(PAGE.read_text(), name, lines))
    chart = IMAGES / f"performance-{name}.svg"
    chart.write_text(shown.svg())
    note("wrote", PAGE, "and", chart)


def put(text, name, lines):
    """The page's text with these lines in the place that is marked for them."""
    begin, end = f"<!-- {name}: written by scripts/bench -->", f"<!-- end of {name} -->"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if not found:
        raise SystemExit(f"bench: {PAGE} has no place for the table: {begin}")
    return text[: found.start()] + "\n".join([begin, *lines, end]) + text[found.end() :]


class AgainstTargets:
    """`rows`: what, unit, spread, target or None. A target is the most there may be, unless the name ends with `at least`."""

    caption = "what it takes of each target"

    def __init__(self, rows):
        self.rows = rows

    def table(self):
        lines = ["| | Measured | Range | Target | |", "|---|---|---|---|---|"]
        for what, unit, value, target in self.rows:
            least = what.endswith("at least")
            aim = "" if target is None else f"{'≥' if least else '≤'} {target:g}"
            met = "" if target is None else ("met" if holds(value, target, least) else "**missed**")
            lines.append(f"| {what.removesuffix(': at least')} | {figure(value['median'])} {unit} | {between(value)} | {aim} | {met} |")
        return lines

    def svg(self):
        """How much of its target each figure takes: left of the line it is met."""
        rows = [row for row in self.rows if row[3] is not None]
        height = 40 + BAR * len(rows) + 20
        line = LABEL + (WIDTH - LABEL - RIGHT) * 2 // 3
        parts = [f'<text x="{line}" y="20" text-anchor="middle" fill="#444">target</text>']
        for number, (what, unit, value, target) in enumerate(rows):
            least = what.endswith("at least")
            share = target / value["median"] if least else value["median"] / target
            width, colour = min(share, 1.45) * (line - LABEL), GOOD if holds(value, target, least) else BAD
            parts += bar(32 + BAR * number, LABEL, what.removesuffix(": at least"), width, colour, f"{figure(value['median'])} {unit}")
        parts.append(f'<line x1="{line}" y1="26" x2="{line}" y2="{height - 12}" stroke="#444" stroke-dasharray="4 3"/>')
        return picture(height, parts)


class Row(NamedTuple):
    """One measure of several servers: a spread for each, or a text. `chart` is its title in the chart, `notes` belong to the bars."""

    what: str
    unit: str
    cells: list
    chart: str | None = None
    notes: list | None = None


class SideBySide:
    """`columns`: the servers' names, ours first. Charted are the rows that have a title there."""

    caption = "the servers side by side"
    label, right = 130, 330

    def __init__(self, columns, rows, remarks):
        self.columns, self.rows, self.remarks = columns, rows, remarks

    def table(self):
        lines = [f"| | {' | '.join(self.columns)} |", "|---" * (len(self.columns) + 1) + "|"]
        for row in self.rows:
            cells = [cell if isinstance(cell, str) else told(cell) for cell in row.cells]
            lines.append(f"| {row.what}{', ' + row.unit if row.unit else ''} | {' | '.join(cells)} |")
        return lines + [line for remark in self.remarks for line in ("", remark)]

    def svg(self):
        """A group of bars for each measure; the longest is the most there is."""
        parts, top = [], 10
        for row in self.rows:
            if row.chart:
                parts += self.group(top, row)
                top += BAR * (len(self.columns) + 1) + 10
        return picture(top, parts)

    def group(self, top, row):
        parts = [f'<text x="10" y="{top + 16}" font-weight="600" fill="#222">{escape(row.chart)}</text>']
        most = max(cell["median"] for cell in row.cells) or 1
        for number, (name, cell) in enumerate(zip(self.columns, row.cells)):
            width = cell["median"] / most * (WIDTH - self.label - self.right)
            said = f"{figure(cell['median'])} {row.unit}" + (f" · {row.notes[number]}" if row.notes else "")
            parts += bar(top + BAR * (number + 1), self.label, name, width, OTHER if number else GOOD, said)
        return parts


def holds(value, target, least):
    return value["median"] >= target if least else value["median"] <= target


def figure(number):
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def between(value):
    return f"{figure(value['min'])}–{figure(value['max'])}"


def told(value):
    """With its range, if there is one."""
    return figure(value["median"]) + (f" ({between(value)})" if value["min"] < value["max"] else "")


def bar(top, left, name, width, colour, said):
    return [
        f'<text x="{left - 10}" y="{top + 16}" text-anchor="end" fill="#222">{escape(name)}</text>',
        f'<rect x="{left}" y="{top + 3}" width="{width:.1f}" height="{BAR - 8}" fill="{colour}"/>',
        f'<text x="{left + width + 6:.1f}" y="{top + 16}" fill="#222">{escape(said)}</text>',
    ]


def picture(height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"
