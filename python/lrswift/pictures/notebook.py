"""What a notebook shows of a result: its numbers and, where matplotlib is installed, its picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from html import escape
from typing import Any


def shown(title: str, facts: Mapping[str, str], draw: Callable[[], Any] | None = None) -> str:
    """HTML that needs no style sheet. draw: makes the figure, which is closed again."""
    left = 'style="text-align:left"'
    rows = "".join(
        f"<tr><th {left}>{escape(key)}</th><td {left}>{escape(text)}</td></tr>" for key, text in facts.items()
    )
    picture = "" if draw is None else _picture(title, draw)
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table>{picture}</div>"


def _picture(title: str, draw: Callable[[], Any]) -> str:
    try:
        figure = draw()
    except ImportError:
        return ""
    content = io.BytesIO()
    figure.savefig(content, dpi=96, format="png")
    # a notebook would show it once more
    import matplotlib.pyplot as plt

    plt.close(figure)
    coded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{escape(title)}" style="max-width:100%" src="data:image/png;base64,{coded}">'
