"""What a compiler does not see in the C shim, as far as text shows it.

Whatever is taken is released on every way out; every release of the GIL has its end, with no Python
between; every status of the library is looked at; no function is long. The last tests hold the lint
itself to broken snippets.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"
HEADER = Path(__file__).resolve().parents[3] / "Sources" / "CLRSwift" / "include" / "lrswift.h"
LONGEST = 80
# what takes -> what releases it
PAIRS = {
    "PyObject_GetBuffer": "PyBuffer_Release",
    "tensors_take": "tensors_release",
    "attributes_take": "attributes_release",
    "addresses_take": "PyBuffer_Release",
    "batches_take": "batches_release",
    "names_take": "PyMem_Free",
    "directions_take": "tensors_release",
}
TAKING = re.compile(rf"\b({'|'.join(PAIRS)})\(")


def without_comments(text: str) -> str:
    """Comments, texts and preprocessor lines blanked; positions stay."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^#[^\n]*'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S | re.M)


def functions(text: str) -> list[tuple[str, str]]:
    """(name, from the signature to the closing brace) of every function of a file."""
    found = re.finditer(r"^[A-Za-z_][^;{}=]*?\b(\w+)\([^;{}]*\) \{$.*?^\}", text, re.M | re.S)
    return [(m[1], m[0]) for m in found]


def closing(text: str, start: int) -> int:
    """The position after the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "({") - (text[at] in ")}")
        if depth == 0:
            return at + 1
    raise AssertionError(f"unbalanced: {text[start : start + 60]}")


def blocks(text: str, position: int) -> list[int]:
    """Where the blocks around a position open."""
    open_at: list[int] = []
    for at in range(position):
        if text[at] == "{":
            open_at.append(at)
        elif text[at] == "}":
            open_at.pop()
    return open_at


def guard(text: str, position: int) -> tuple[str, int, int] | None:
    """The condition that a call stands in, and the extent of what it governs."""
    for found in re.finditer(r"\bif \(", text):
        end = closing(text, found.end() - 1)
        if found.start() < position < end:
            body = end + 1
            stop = closing(text, body) if text[body] == "{" else text.index(";", body) + 1
            return text[found.start() : end], body, stop
    return None


def variables(call: str, name: str) -> list[str]:
    """What a taking call fills: the arguments given by address, else the buffer or list it passes on."""
    if name == "PyObject_GetBuffer":
        return [call.split(",")[1].strip().lstrip("&")]
    if name == "names_take":
        return ["names"]
    if name == "directions_take":
        return re.findall(r"&(inputs|tangents|vectors)\b", call)
    return [call.split(",")[1].strip().lstrip("&")]


def leaks(name: str, text: str) -> list[str]:
    """Ways out of a function past something taken and not released."""
    found: list[str] = []
    for taking in TAKING.finditer(text):
        if text[: taking.start()].count("{") == 0 or name == taking[1]:
            continue  # the signature of the taker itself
        call = text[taking.end() : closing(text, taking.end() - 1) - 1]
        around = guard(text, taking.start())
        if around is None:
            found.append(f"{name}: {taking[1]} is not checked")
            continue
        condition, body, stop = around
        if len(TAKING.findall(condition)) > 1:
            found.append(f"{name}: two takings in one condition; the second failing leaks the first")
        succeeded = "== 0" in condition
        ways_out = [m.start() for m in re.finditer(r"\b(?:return|goto)\b", text)]
        if name.endswith("_take"):
            ways_out = [at for at in ways_out if text.startswith(("return -1", "goto"), at)]
        if succeeded:
            ways_out = [at for at in ways_out if body < at < stop] + [stop - 1]
        else:
            ways_out = [at for at in ways_out if at > stop]
        for variable in variables(call, taking[1]):
            pattern = rf"(?<!\) ){PAIRS[taking[1]]}\(&?{re.escape(variable)}\)"
            released = [m.start() for m in re.finditer(pattern, text) if m.start() > taking.start()]
            for out in ways_out:
                around_out = blocks(text, out)
                if not any(
                    at < out and blocks(text, at) == around_out[: len(blocks(text, at))] for at in released
                ):
                    line = text[:out].count("\n") + 1
                    found.append(f"{name}: line {line} leaves without {PAIRS[taking[1]]}({variable})")
    return found


def gil_faults(name: str, text: str) -> list[str]:
    words = re.findall(r"Py_(?:BEGIN|END)_ALLOW_THREADS", text)
    if words != ["Py_BEGIN_ALLOW_THREADS", "Py_END_ALLOW_THREADS"] * (len(words) // 2):
        return [f"{name}: Py_BEGIN_ALLOW_THREADS and Py_END_ALLOW_THREADS do not alternate"]
    inside = re.findall(r"Py_BEGIN_ALLOW_THREADS;?(.*?)Py_END_ALLOW_THREADS", text, re.S)
    bad = [part for part in inside if re.search(r"\b(return|goto|break|_?Py\w+)\b", part)]
    return [f"{name}: Python or a way out while the GIL is released"] * len(bad)


def status_functions() -> set[str]:
    return set(re.findall(r"^lrs_status (lrs_\w+)\(", without_comments(HEADER.read_text()), re.M))


def unchecked(name: str, text: str, returning: set[str]) -> list[str]:
    """Calls of the library whose status nobody looks at."""
    found = []
    for call in re.finditer(r"\b(lrs_\w+)\(", text):
        if call[1] not in returning:
            continue
        before, after = text[: call.start()], text[call.end() :]
        kept = re.search(r"\bstatus = $", before) and re.search(
            r"\bcheck\(\w+(->core)?, status\)|return status;", after
        )
        if not kept and not re.search(r"\bcheck\([\w>-]+,\s*$", before):
            found.append(f"{name}: the status of {call[1]} is dropped")
    return found


FILES = sorted(SOURCES.glob("*.c"))
EACH_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def parsed(path: Path) -> list[tuple[str, str]]:
    return functions(without_comments(path.read_text()))


def test_the_shim_is_found():
    assert len(FILES) >= 8
    assert len(status_functions()) > 25
    names = [name for path in FILES for name, _ in parsed(path)]
    assert {"core_apply", "program_run", "tensor_make", "finder_run", "optimizer_load"} <= set(names)


@EACH_FILE
def test_whatever_is_taken_is_released(path: Path):
    assert [fault for name, text in parsed(path) for fault in leaks(name, text)] == []


@EACH_FILE
def test_the_gil_comes_back(path: Path):
    assert [fault for name, text in parsed(path) for fault in gil_faults(name, text)] == []


@EACH_FILE
def test_every_status_is_checked(path: Path):
    returning = status_functions()
    assert [fault for name, text in parsed(path) for fault in unchecked(name, text, returning)] == []


@EACH_FILE
def test_functions_are_short(path: Path):
    assert [name for name, text in parsed(path) if text.count("\n") + 1 > LONGEST] == []


@EACH_FILE
def test_only_the_limited_api_and_the_header(path: Path):
    included = re.findall(r"^#include ([<\"].*[>\"])", path.read_text(), re.M)
    assert set(included) <= {'"shim.h"', "<string.h>"}


BROKEN = """
PyObject *f(PyObject *module) {
  if (tensors_take(core, &inputs, arguments[0], "f", "inputs") < 0) return NULL;
  if (count > 3) {
    tensors_release(&inputs);
    return NULL;
  }
  if (count > 2) return NULL;
  Py_BEGIN_ALLOW_THREADS;
  lrs_backward(output, seed);
  tensors_release(&inputs);
  return NULL;
}
"""


def test_the_lint_sees_what_is_broken():
    [(name, text)] = functions(without_comments(BROKEN))
    assert leaks(name, text) == ["f: line 7 leaves without tensors_release(inputs)"]
    assert len(gil_faults(name, text)) == 1
    assert unchecked(name, text, {"lrs_backward"}) == ["f: the status of lrs_backward is dropped"]


@pytest.mark.parametrize("release", ["tensors_release(&inputs);", "attributes_release(&attributes);"])
def test_the_lint_misses_no_removed_release(release: str):
    path = SOURCES / "functions.c"
    whole = path.read_text()
    assert release in whole
    for found in re.finditer(re.escape(release), whole):
        cut = whole[: found.start()] + whole[found.end() :]
        assert any(leaks(name, text) for name, text in functions(without_comments(cut)))
