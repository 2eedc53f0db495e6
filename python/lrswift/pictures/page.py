"""Pages of HTML that need no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources

# `mark` below: HTML attributes that give a color, class="hand" or style="color:#0072b2"
Marked = tuple[str, str]


def page(title: str, subject: str, lead: str, legend: str, body: Iterable[str]) -> str:
    """A whole page: title, lead (HTML) and legend, then what `body` has. subject: for the window's title."""
    style, script = (
        resources.files(__package__).joinpath(f"report.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - {escape(subject)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{lead}</p>
{legend}
</header>
<main>
{"".join(body)}
</main>
<script>{script}</script>
</body>
</html>
"""


def section(heading: str, *parts: str) -> str:
    """HTML below a heading, or without one."""
    head = f"<h2>{escape(heading)}</h2>" if heading else ""
    return f"<section>{head}{''.join(parts)}</section>\n"


def note(text: str) -> str:
    """HTML of a paragraph in small."""
    return f'<p class="note">{text}</p>'


def legend(entries: Iterable[Marked], before: str = "", after: str = "") -> str:
    """Colored (text, mark), between words without color."""
    items = "".join(f"<li {mark}>{escape(text)}</li>" for text, mark in entries)
    first, last = (f'<li class="plain">{escape(text)}</li>' if text else "" for text in (before, after))
    return f'<ul class="legend">{first}{items}{last}</ul>'


def figure(caption: str, picture: str, mark: str = "") -> str:
    """A picture below its caption."""
    return f"<figure><figcaption {mark}>{escape(caption)}</figcaption>{picture}</figure>"


def facts(entries: Mapping[str, str], command: str | None) -> str:
    """How something was made: the command that does it again, and a line per entry that is not empty."""
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in entries.items() if text)
    again = (
        f'<pre tabindex="0" role="group" aria-label="Command line"><code>{escape(command)}</code></pre>'
        if command
        else ""
    )
    return f"{again}<dl>{rows}</dl>"
