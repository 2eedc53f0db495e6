"""The documentation site: `make docs` builds the pages of `docs/`, the notebooks as they are, the reference.

Sources are the repository's own files, so that a link works there and here. What is no page is linked to in
the repository. The reference is made of docstrings, which are in Google's form with no markup but backticks.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import lrswift

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import public_names  # noqa: E402

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_SOURCE = _PROJECT["urls"]["Source"]

project = "lrswift"
author = "The lrswift authors"
release = version = lrswift.__version__

extensions = [
    "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "myst_nb", "sphinxcontrib.mermaid",
]  # fmt: skip
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "notebooks/*.ipynb"]

html_theme = "furo"
html_title = f"lrswift {release}"
html_extra_path = ["_redirect"]
html_theme_options = {
    "source_repository": _SOURCE, "source_branch": "main", "source_directory": "",
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
}  # fmt: skip

# notebooks are committed with their outputs, which `make notebooks` tests
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4
# outputs of libraries that notebooks show, which nothing here can change
suppress_warnings = ["mystnb.unknown_mime_type"]

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes"), ("Sources", "notes")]


def absolute(page: str, link: str) -> str:
    """`link` of `page`: as it is where it leads to a page or out, else into the repository."""
    path, _, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path) or path.endswith((".svg", ".png")):
        return link
    target = Path(os.path.normpath((ROOT / page).parent / path))
    inside = target.relative_to(ROOT)
    parts = inside.parts
    is_page = target.suffix == ".md" and (len(parts) == 1 or parts[0] == "docs")
    if is_page or (target.suffix == ".ipynb" and parts[0] == "notebooks"):
        return link
    kind = "tree" if target.is_dir() else "blob"
    return f"{_SOURCE}/{kind}/main/{inside}" + (f"#{anchor}" if anchor else "")


def link_to_the_repository(app: Any, docname: str, source: list[str]) -> None:
    page = app.env.doc2path(docname, base=False)
    source[0] = re.sub(r"(\]\()([^)\s]+)(\))", lambda m: m[1] + absolute(str(page), m[2]) + m[3], source[0])


def plain(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A docstring as reStructuredText: backticks and indented lines are code, all else means itself."""
    out: list[str] = []
    prose: list[str] = []
    code = False
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("    ") and line:
            code = False
        elif line and not before and not code and prose and _last(prose)[:1].strip():
            # between blank lines and below a line that is not indented: a formula, or code
            out += [*escaped(prose), "::", ""]
            prose, code = [], True
        (out if code else prose).append(line)
    lines[:] = [*out, *escaped(prose)]


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line), "")


def escaped(lines: list[str]) -> list[str]:
    """Prose without markup but its code."""
    spans = re.split(r"(`+[^`]+`+)", "\n".join(lines))
    marks = r"([*|\\]|(?<=\w)_(?!\w)|^\s*\.\.(?= ))"
    spans[::2] = [re.sub(marks, r"\\\1", text, flags=re.MULTILINE) for text in spans[::2]]
    code = [f"``{span.strip('`')}``" for span in spans[1::2]]
    # code that a letter follows, as in `lr`s, ends by an escaped blank
    follows = zip(code, spans[2::2], strict=True)
    spans[1::2] = [span + "\\ " if re.match(r"\w", after) else span for span, after in follows]
    return "".join(spans).split("\n")


def reference(app: Any) -> None:
    """A page for every public module, from its `__all__`."""
    folder = ROOT / "docs" / "reference"
    folder.mkdir(exist_ok=True)
    described: set[int] = set()
    for name in (*public_names.MODULES, "lrswift.callbacks"):
        module = importlib.import_module(name)
        page = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-index:", ""]
        # what has two names is described under the first, which is the shorter
        values = {n: getattr(module, n) for n in public_names.names(module)}
        names = [n for n, v in values.items() if not inspect.ismodule(v) and id(v) not in described]
        described |= {id(v) for v in values.values() if callable(v)}
        if not names:
            continue
        page += [f".. currentmodule:: {name}", "", ".. autosummary::", "   :nosignatures:", ""]
        page += [f"   {n}" for n in names] + [""]
        for n in names:
            value = values[n]
            if inspect.isclass(value):
                page += [
                    f".. autoclass:: {name}.{n}",
                    "   :members:",
                    "   :inherited-members: object,Exception",
                    "",
                ]
            elif callable(value):
                page += [f".. autofunction:: {name}.{n}", ""]
            else:
                page += [f".. py:data:: {n}", f"   :value: {value!r}"[:200], ""]
        text = "\n".join(page) + "\n"
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def ours(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """What a class has from torch or scikit-learn is described there."""
    home = getattr(obj, "__module__", None) or getattr(getattr(obj, "fget", None), "__module__", None)
    return True if home and not home.startswith("lrswift") else None


def setup(app: Any) -> None:
    app.connect("autodoc-skip-member", ours)
    app.connect("builder-inited", reference)
    app.connect("source-read", link_to_the_repository)
    app.connect("autodoc-process-docstring", plain, priority=100)
