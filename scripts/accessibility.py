"""Opens the reports in a headless Chromium: axe-core's rules, values by keys and pointer, nothing off-screen.

    python scripts/accessibility.py            # makes small reports and looks at them
    python scripts/accessibility.py a.html     # looks at these

Each is looked at in light and dark, and on a screen of 390 pixels. There is no network: axe-core is in the
package axe-playwright-python. Ends with 1 where anything is found, with 2 where there is no Chromium or no
axe-core.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LOOKS = {"light": (1200, 1), "dark": (1200, 0), "narrow": (390, 1)}

# what a reader does, and what the page is like then; the answer is left in the page
HARNESS = """
<script>%s</script>
<script>
addEventListener("load", async () => {
  const found = { axe: [], charts: 0, silent: [], wide: document.documentElement.scrollWidth - innerWidth };
  for (const chart of document.querySelectorAll("svg[data-curves]")) {
    found.charts += 1;
    const say = () => chart.querySelector(".reading")?.textContent || "";
    chart.focus();
    const first = say();
    chart.dispatchEvent(new KeyboardEvent("keydown", { key: "End" }));
    const last = say();
    if (document.activeElement !== chart || !first || chart.getAttribute("aria-valuetext") !== last) {
      found.silent.push("keys: " + chart.getAttribute("aria-label"));
    }
    chart.blur();
    if (say()) found.silent.push("it still talks: " + chart.getAttribute("aria-label"));
    const box = chart.getBoundingClientRect();
    const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true };
    chart.dispatchEvent(new PointerEvent("pointermove", at));
    if (!say()) found.silent.push("pointer: " + chart.getAttribute("aria-label"));
    chart.dispatchEvent(new PointerEvent("pointerleave", at));
  }
  const result = await axe.run(document, { resultTypes: ["violations"] });
  const told = (node) => node.target + " " + node.failureSummary;
  found.axe = result.violations.map((v) => `${v.id}: ${v.help}: ` + v.nodes.map(told).join("; "));
  found.rules = result.passes.length;
  const answer = document.createElement("pre");
  answer.id = "looked-at";
  answer.textContent = JSON.stringify(found);
  document.body.append(answer);
});
</script>
"""


def axe_core() -> str | None:
    """The script, of a package that brings it."""
    for package in ("axe_playwright_python", "axe_core_python"):
        found = importlib.util.find_spec(package)
        for folder in (found and found.submodule_search_locations) or ():
            for path in sorted(Path(folder).rglob("axe.min.js")):
                return path.read_text(encoding="utf-8")
    return None


def look(browser: str, page: Path, script: str, width: int, scheme: int) -> dict[str, Any]:
    """What the browser finds in the page."""
    with tempfile.TemporaryDirectory(prefix="looked") as folder:
        copy = Path(folder) / "page.html"
        # the script may have no text that ends it
        harness = HARNESS % script.replace("</script", "<\\/script")
        copy.write_text(
            page.read_text(encoding="utf-8").replace("</body>", harness + "</body>"), encoding="utf-8"
        )
        command = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
            f"--window-size={width},900", f"--blink-settings=preferredColorScheme={scheme}",
            "--virtual-time-budget=20000", "--timeout=60000", "--dump-dom", copy.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    answer = re.search(r'<pre id="looked-at">(.*?)</pre>', done.stdout, re.DOTALL)
    if answer is None:
        raise SystemExit(f"{page}: {browser} gave no answer\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(html.unescape(answer[1]))
    return told


def made(folder: Path) -> list[Path]:
    """Small reports, one of each kind."""
    lines = {
        "compare": "compare --methods auto,adam,l4adam,alrs --epochs 2 --seeds 2",
        "sensitivity": "compare --methods auto,adam,tlr --epochs 1 --seeds 1 --initial 1e-3,1e-1,10",
        "leaderboard": "leaderboard --methods auto,adam_1e-3 --workloads digits_mlp --seeds 1",
        "study": "reproduce l4-regression --quick",
    }
    pages = []
    for name, line in lines.items():
        out = folder / name
        subprocess.run(
            [sys.executable, "-m", "lrswift", *line.split(), "--quiet", "--out", str(out)], check=True
        )
        pages += sorted(out.rglob("*.html"))
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    script = axe_core()
    if browser is None or script is None:
        print("accessibility: needs Chromium (apt-get install chromium) and axe-core (axe-playwright-python)")
        return 2
    faults = 0
    with tempfile.TemporaryDirectory(prefix="reports") as folder:
        for page in options.pages or made(Path(folder)):
            for name, (width, scheme) in LOOKS.items():
                found = look(browser, page, script, width, scheme)
                told = [*found["axe"], *found["silent"]]
                told += [f"{found['wide']} pixels off-screen"] if found["wide"] > 0 else []
                faults += len(told)
                where = f"{page.parent.name}/{page.name}, {name}"
                print(f"{where}: {found['charts']} charts, {len(told)} faults", *told, sep="\n  ", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
