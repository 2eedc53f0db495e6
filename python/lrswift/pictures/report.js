// A head sorts its table: up, down, and as it was. Cells that span columns count for each of them.
for (const table of document.querySelectorAll(".wide table")) {
  const body = table.tBodies[0], order = [...body.rows];
  const text = (row, column) => {
    let place = 0;
    for (const cell of row.cells) {
      place += cell.colSpan;
      if (place > column) return cell.textContent.trim();
    }
    return "";
  };
  const value = (words) => {
    const number = words.match(/-?\d[\d,]*(\.\d+)?(e[-+]?\d+)?/i);
    return number ? parseFloat(number[0].replaceAll(",", "")) : null;
  };
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return x === y ? a.localeCompare(b) : x === null ? 1 : -1;
    return x - y;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim() || order.length < 2) return;
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort || "none"];
      for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
      const sign = next === "descending" ? -1 : 1;
      const names = column === 0;
      const rows = [...order];
      if (next !== "none") {
        head.setAttribute("aria-sort", next);
        rows.sort((a, b) => sign * (names ? text(a, 0).localeCompare(text(b, 0)) : compare(text(a, column), text(b, column))));
      }
      body.append(...rows);
    });
  });
}
