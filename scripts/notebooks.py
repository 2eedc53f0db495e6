"""Executes the notebooks, each in a fresh kernel; a failing cell fails. --save keeps the outputs."""

import argparse
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def execute(path: Path, save: bool, timeout: int) -> str | None:
    """The message of the cell that failed, or None."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error)
    if save:
        tidy(notebook)
        nbformat.write(notebook, path)
    return None


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Takes out what differs from run to run and tells nothing: times, names of temporary files."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = re.sub(r"\S*ipykernel_\d+/\d+\.py", "<cell>", output.text)
    notebook.metadata.get("language_info", {}).pop("version", None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of them")
    parser.add_argument("--save", action="store_true", help="write the outputs into the files")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    options = parser.parse_args()
    failures = 0
    paths = options.notebooks or sorted(FOLDER.glob("*.ipynb"))
    if not paths:
        print(f"{FOLDER}: no notebooks")
        return 1
    for path in paths:
        start = time.perf_counter()
        message = execute(path, options.save, options.timeout)
        print(f"{path.name}: {'ok' if message is None else 'FAILED'}, {time.perf_counter() - start:.1f} s")
        if message is not None:
            failures += 1
            print(message)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
