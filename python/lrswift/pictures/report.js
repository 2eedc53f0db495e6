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

// A picture says its values where the pointer is, and by arrow keys: along a curve, and up and down from one to another.
for (const chart of document.querySelectorAll("svg[data-curves]")) {
  const curves = JSON.parse(chart.dataset.curves), width = chart.viewBox.baseVal.width;
  const part = (name, kind) => {
    const made = document.createElementNS(chart.namespaceURI, name);
    made.setAttribute("class", kind);
    return made;
  };
  const mark = part("circle", "read"), words = part("text", "reading");
  mark.setAttribute("r", 4.5);
  let curve = 0, point = -1;
  const told = () => {
    const name = curves[curve][0];
    return (name ? name + ", " : "") + curves[curve][1][Math.max(point, 0)][2];
  };
  const show = () => {
    const [x, y] = curves[curve][1][point];
    mark.setAttribute("cx", x);
    mark.setAttribute("cy", y);
    const side = x > width / 2 ? "end" : "start";
    words.setAttribute("text-anchor", side);
    words.setAttribute("x", side === "end" ? x - 8 : x + 8);
    words.setAttribute("y", Math.max(y - 8, 12));
    words.textContent = told();
    chart.append(mark, words);
    chart.setAttribute("aria-valuemax", curves[curve][1].length);
    chart.setAttribute("aria-valuenow", point + 1);
    chart.setAttribute("aria-valuetext", told());
  };
  const hide = () => { mark.remove(); words.remove(); };
  // a slider whose value is the place on the curve: what can be moved by keys and says where it is
  chart.setAttribute("role", "slider");
  chart.setAttribute("tabindex", "0");
  for (const [name, value] of [["min", 1], ["max", curves[0][1].length], ["now", 1], ["text", told()]]) chart.setAttribute("aria-value" + name, value);
  chart.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    let best = Infinity;
    curves.forEach(([, points], c) => points.forEach(([x, y], p) => {
      const away = Math.hypot(x - at.x, curves.length > 1 ? y - at.y : 0);
      if (away < best) [best, curve, point] = [away, c, p];
    }));
    show();
  });
  chart.addEventListener("pointerleave", () => { if (document.activeElement !== chart) hide(); });
  chart.addEventListener("blur", hide);
  chart.addEventListener("focus", () => { point = Math.max(point, 0); show(); });
  chart.addEventListener("keydown", (event) => {
    const along = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    const across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (along === undefined && across === undefined) return;
    event.preventDefault();
    if (across) curve = (curve + across + curves.length) % curves.length;
    const last = curves[curve][1].length - 1;
    point = Math.min(last, Math.max(0, point + (along || 0)));
    show();
  });
}
