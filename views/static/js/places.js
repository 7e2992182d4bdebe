/* Receiving and counting by scanner: each scan is one piece of a row; what is on no row gets one of its own. */
"use strict";
(() => {
  const form = document.querySelector("[data-scan-form]");
  if (!form) return;
  const scan = form.querySelector("[data-scan]"), said = form.querySelector("[data-scan-said]"), rows = form.querySelector("[data-scan-rows]");
  const fill = document.querySelector("[data-fill-all]");
  scan.hidden = false; scan.focus();
  const tell = (text, bad) => { said.textContent = text; said.classList.toggle("t-bad", !!bad); };
  const make = (tag, facts, ...inside) => { const e = Object.assign(document.createElement(tag), facts); e.append(...inside); return e; };
  function row(item) {
    const there = rows.querySelector(`[data-sku="${item.id}"]`);
    if (there) return there;
    const count = make("input", { type: "text", inputMode: "numeric", className: "qty", name: "extra-quantity", value: "0" }); count.dataset.count = "";
    const made = make("tr", {}, make("td", { className: "lead" }, `${item.text} `, make("span", { className: "pill warn", textContent: form.dataset.extra })), make("td", { className: "n side-cell" }), make("td", { className: "n full" }, count, make("input", { type: "hidden", name: "extra-sku", value: item.id })));
    made.dataset.sku = item.id;
    rows.prepend(made);
    return made;
  }
  function add(item, pieces) {
    const at = row(item), count = at.querySelector("[data-count]");
    count.value = (parseInt(count.value, 10) || 0) + pieces;
    at.classList.add("sel"); setTimeout(() => at.classList.remove("sel"), 700);
    at.scrollIntoView({ block: "nearest" });
    const open = at.dataset.openPieces;
    tell(`${item.text}: ${count.value}${open ? ` / ${open}` : ""}`, open && Number(count.value) > Number(open));
  }
  let chain = Promise.resolve(), asked = 0, missed = false;
  async function scanned(typed) {
    const times = /^(\d{1,4})\s*[*x×]\s*(\S.*)$/i.exec(typed), code = times ? times[2] : typed;
    const url = new URL(form.dataset.lookupUrl, location); url.searchParams.set("q", code);
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      const items = answer.ok ? (await answer.json()).items : [];
      const hit = items.find((x) => x.exact) || (items.length === 1 ? items[0] : null);
      if (hit) add(hit, times ? parseInt(times[1], 10) : 1); else { missed = true; tell(`${form.dataset.unknown} ${code}`, true); }
    } catch { missed = true; tell(`${form.dataset.unknown} ${code}`, true); }
    asked -= 1;
  }
  form.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || !e.target.matches("input[type=text]")) return;
    if (e.target.name === "reason") return;
    e.preventDefault();
    if (e.target !== scan) { scan.focus(); return; }
    const typed = scan.value.trim(); scan.value = "";
    if (!typed) return;
    if (!asked) missed = false;
    asked += 1; chain = chain.then(() => scanned(typed));
  });
  form.addEventListener("submit", (e) => {  // the last scan is taken in with the rest
    if (!asked) return;
    e.preventDefault(); e.stopImmediatePropagation();
    const by = e.submitter; chain.then(() => { if (!missed) form.requestSubmit(by); });
  }, true);
  if (fill) {
    fill.hidden = false;
    fill.addEventListener("click", () => { for (const at of rows.querySelectorAll("[data-open-pieces]")) at.querySelector("[data-count]").value = at.dataset.openPieces; });
  }
})();
