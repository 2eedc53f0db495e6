"""What the documents say: their snippets run; every file, name and declaration they mention exists.

The Swift examples of the how-to pages are not compiled here. What is tested is that they stand on names that
the sources still declare, meet the protocols they conform to, and edit places that are there.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from lrswift import _core, cli

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
OP, ADAPTER = ROOT / "docs" / "adding-an-op.md", ROOT / "docs" / "adding-an-adapter.md"
# made by a reader who follows the pages
MADE = {
    "Sources/Kernels/Pointwise/Silu.swift",
    "Sources/Adaptation/BoldDriver.swift",
    "Sources/Optimization/Directions/AdaBelief.swift",
    "Tests/AdaptationTests/BoldDriverTests.swift",
    "python/tests/reference/bold_driver.py",
    "python/lrswift/data/iris.py",
}
PLACEHOLDERS = {"Sources/X/Y.swift", "Tests/XTests/YTests.swift"}
PLACEHOLDERS |= {"python/lrswift/x/y.py", "python/tests/x/test_y.py"}
pytestmark = pytest.mark.skipif(
    not (ROOT / "docs").is_dir(), reason="needs the repository, not only the installed package"
)


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE):
        indent, language, body = len(match[1]), match[2], match[3]
        lines = [line[indent:] for line in body.splitlines()]
        found.append(
            Block(page.name, text[: match.start()].count("\n") + 1, language, "\n".join(lines) + "\n")
        )
    return found


ALL = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in ALL if block.language == "python"]
HOW_TO = {page.name for page in PAGES if page.name.startswith("adding-")}


def swift_blocks(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "swift"]


def sources(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.swift")))


@pytest.mark.parametrize("block", [b for b in PYTHON if b.page not in HOW_TO], ids=str)
def test_python_snippets_run(block: Block, tmp_path: Path) -> None:
    command = [sys.executable, "-c", block.text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, f"{block}:\n{done.stderr}"


@pytest.mark.parametrize("block", [b for b in PYTHON if b.page in HOW_TO], ids=str)
def test_python_snippets_of_the_how_to_pages_compile(block: Block) -> None:
    text = block.text if not block.text.startswith(" ") else "CASES = {\n" + block.text + "}\n"
    compile(text, str(block), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_mentioned_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    inside = r"(?:Sources|Tests|python|docs|scripts|notebooks|benchmarks)(?:/[\w.+-]+)*"
    paths = set(re.findall(rf"`({inside})`", text))
    paths |= {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    for path in sorted(paths - MADE - PLACEHOLDERS):
        places = [page.parent / path, ROOT / path]
        assert any(place.exists() for place in places), f"{page.name} names {path}, which does not exist"


def test_the_rooms_are_drawn_as_the_contract_has_them() -> None:
    """From top to bottom, with who may not see whom."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    drawing = next(
        block.text for block in blocks(ROOT / "docs/architecture.md") if block.language == "mermaid"
    )
    rooms = re.findall(r"<b>(.+?)</b>", drawing)
    assert ["__main__", *rooms[1:]] == layers
    assert rooms[0] == "python -m lrswift"
    arrows = re.findall(r"(p\d+)(?:\[.+?\])? --> (p\d+)", drawing)
    assert arrows == [(f"p{i}", f"p{i + 1}") for i in range(1, len(layers))]


def test_the_targets_are_drawn_as_the_package_has_them() -> None:
    """Every arrow between Swift targets is a dependency, and every dependency is an arrow or several."""
    text = re.sub(r"\s+", " ", (ROOT / "Package.swift").read_text(encoding="utf-8"))
    depends = {
        name: set(re.findall(r'"(\w+)"', given))
        | ({"MicroKernels"} if "microKernels.map" in given else set())
        for name, given in re.findall(
            r'\.target\( ?name: "(\w+)"(?:, dependencies: (.*?))?(?:, swift|\),)', text
        )
    }
    drawing = [b.text for b in blocks(ROOT / "docs/architecture.md") if b.language == "mermaid"][1]
    names = {key: re.split(r"\W", name)[0] for key, name in re.findall(r"(\w+)\[\"<b>(.+?)</b>", drawing)}
    drawn: dict[str, set[str]] = {}
    for above, below in re.findall(r"(\w+)(?:\[.+?\])? --> (\w+)", drawing):
        if names[above] in depends:
            assert names[below] in depends[names[above]], f"{names[above]} --> {names[below]}"
            drawn.setdefault(names[above], set()).add(names[below])

    def reached(name: str) -> set[str]:
        return {name}.union(*map(reached, drawn.get(name, ())))

    shown = set(names.values()) & set(depends)
    for name in shown - {"CLRSwift"}:
        assert (depends[name] & shown) - {"CLRSwift"} <= reached(name), name


def test_what_the_drawings_name_is_declared() -> None:
    """Every `Type.method` is a method of the sources, and so are the messages of the step's conversation."""
    text = sources("Sources") + "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "python/lrswift").rglob("*.py"))
    )
    drawings = "\n".join(b.text for b in blocks(ROOT / "docs/architecture.md") if b.language == "mermaid")
    named = re.findall(r"\b([A-Z]\w+)\.([a-z]\w+)\b", drawings)
    named = [(kind, method) for kind, method in named if method not in ("swift", "py")]
    assert len(named) > 8
    for kind, method in named:
        assert re.search(rf"(?:class|struct|enum|extension|protocol) {kind}\b", text), kind
        assert re.search(rf"(?:func|def) {method}\b", text), f"{kind}.{method}"
    messages = set(re.findall(r"->>\w: (\w+)\(", drawings)) - {"closure"}
    assert messages >= {"begin", "decide", "answer"}
    for method in messages:
        assert re.search(rf"func {method}\b", text), method
    for case in re.findall(
        r"(?<!\w)\.([a-z]\w+)", drawings.split("sequenceDiagram")[1].split("flowchart")[0]
    ):
        assert re.search(rf"case {case}\b", text), case


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([\w-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named and named <= targets


def test_commands_parse() -> None:
    """Every `lrswift` command in the README is one that the command line takes."""
    commands = re.findall(r"^lrswift (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        name, *options = shlex.split(command, comments=True)
        with pytest.raises(SystemExit) as stopped:
            cli.main([name, *options, "--help"])
        assert stopped.value.code == 0, command


# ---- the how-to pages against the sources ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "folders"),
    [(OP, ("Vocabulary", "Kernels", "Autodiff")), (ADAPTER, ("Vocabulary", "Adaptation"))],
    ids=str,
)
def test_swift_names_are_declared(page: Path, folders: tuple[str, ...]) -> None:
    """Every type, and every function called, in the Swift examples is declared in the modules they go to."""
    declared = "\n".join(sources(f"Sources/{folder}") for folder in folders)
    examples = "\n".join(block.text for block in swift_blocks(page))
    code = re.sub(r'"""(?:.|\n)*?"""|"[^"\n]*"|//[^\n]*', "", examples)
    own = set(re.findall(r"(?:enum|struct|class|let|func) (\w+)", code))
    library = {"Bool", "Double", "Foundation", "Reference", "String", "XCTest", "XCTestCase"}
    library |= {"XCTAssertEqual", "Adaptation", "Vocabulary", "L"}
    for name in sorted(set(re.findall(r"\b[A-Z]\w+", code)) - own - library):
        assert re.search(rf"(?:enum|struct|class|protocol|typealias) {name}\b", declared), (
            f"{page.name}: {name}"
        )
    for name in sorted(set(re.findall(r"(?<![.@\w])([a-z]\w+)\(", code)) - own - {"init", "get"}):
        assert re.search(rf"func {name}\b", declared), f"{page.name}: {name}()"
    for name in sorted(set(re.findall(r"L\.([a-z]\w+)\(", code))):
        assert re.search(rf"static func {name}\(", declared), f"{page.name}: L.{name}()"


def requirements(file: str, protocol: str) -> set[str]:
    """Names a type must declare: a protocol's own, less those that its extension gives."""
    text = (ROOT / file).read_text(encoding="utf-8")
    body = re.search(rf"protocol {protocol}\b[^{{]*{{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE)
    assert body, f"{protocol} is not in {file}"
    given = re.search(rf"extension {protocol} {{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE)
    name = r"(?:func|var) (\w+)"
    return set(re.findall(name, body[1])) - set(re.findall(name, given[1] if given else ""))


@pytest.mark.parametrize(
    ("page", "file", "protocol"),
    [
        (OP, "Sources/Kernels/Pointwise/Pointwise.swift", "PointwiseFunction"),
        (ADAPTER, "Sources/Adaptation/RateMachine.swift", "RateMachine"),
    ],
    ids=["op", "adapter"],
)
def test_examples_meet_their_protocols(page: Path, file: str, protocol: str) -> None:
    example = next(block.text for block in swift_blocks(page) if f": {protocol}" in block.text)
    declared = set(re.findall(r"(?:func|var|let) (\w+)", example))
    missing = requirements(file, protocol) - declared
    assert not missing, f"{page.name}: {protocol} also wants {', '.join(sorted(missing))}"


def test_the_table_of_declarations_is_the_protocols() -> None:
    contract = (ROOT / "Sources/Adaptation/RateMachine.swift").read_text(encoding="utf-8")
    offered = set(re.findall(r"static var (\w+): Bool { get }", contract))
    text = ADAPTER.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert listed == offered
    memories = re.search(r"enum Memory\b[^{]*{\n(.*?)^}", contract, re.DOTALL | re.MULTILINE)
    assert memories
    rows = re.findall(r"^\| (`\..*?) \|", text, re.MULTILINE)
    assert set(re.findall(r"\.(\w+)", " ".join(rows))) == set(re.findall(r"case (\w+)", memories[1]))
    for case in re.findall(r"`\.(\w+)[`(]", text):
        assert re.search(rf"case {case}\b", contract), f".{case} is no Decision"


def test_the_places_that_the_pages_edit_are_there() -> None:
    places = {
        "Sources/Kernels/Pointwise/Affine.swift": ["static var constants"],
        "Sources/Kernels/Pointwise/Log.swift": ["static var domain"],
        "Sources/Autodiff/Ops/Reductions.swift": ["class ExtremeOp"],
        "Sources/Autodiff/Ops/Arithmetic.swift": ["struct ProductForm"],
        "Sources/Autodiff/Ops/Products.swift": ["struct MatmulForm"],
        "Sources/Adaptation/RateCatalogue.swift": ["QLABGrad.self,"],
        "python/lrswift/training/methods.py": ["METHODS = Methods("],
        "python/tests/rate_cases.py": ["CASES = {", '"tlr": Case('],
    }
    for path, texts in places.items():
        content = (ROOT / path).read_text(encoding="utf-8")
        for text in texts:
            assert text in content, f"{path}: {text}"


def test_the_examples_are_not_taken() -> None:
    """A reader who follows the pages must not collide with what is there."""
    operations = {card["name"] for card in json.loads(_core.catalogue("operations"))}
    rates = {card["name"] for card in json.loads(_core.catalogue("rates"))}
    assert not operations & {"silu", "diagonal"}
    assert "bold_driver" not in rates
    assert not [path for path in MADE if (ROOT / path).exists()]
