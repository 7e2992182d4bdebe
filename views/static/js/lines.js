/* Lines of (SKU, pieces): scan or choose in one box; the same SKU again counts up. Without this script the rows are typed. */
"use strict";
document.querySelectorAll("[data-lines]").forEach((box) => {
  const body = box.querySelector("tbody"), scan = box.querySelector("[data-lines-scan]"), input = box.querySelector("[data-lines-input]");
  const rows = () => [...body.querySelectorAll("[data-line]")];
  const part = (row, name) => row.querySelector(`[name$="-${name}"]`);
  const blank = rows().at(-1).cloneNode(true);
  const fit = () => { rows().forEach((row) => { const empty = !part(row, "text").value && !part(row, "sku").value; row.hidden = empty; const text = part(row, "text"); text.readOnly = !!part(row, "sku").value; text.tabIndex = text.readOnly ? -1 : 0; }); };
  scan.hidden = false;
  const add = (item) => {
    const there = rows().find((row) => part(row, "sku").value === String(item.id));
    let row = there;
    if (there) { const q = part(there, "quantity"); q.value = (parseInt(q.value, 10) || 0) + 1; }
    else {
      row = rows().find((r) => !part(r, "text").value && !part(r, "sku").value) || body.appendChild(blank.cloneNode(true));
      part(row, "sku").value = item.id; part(row, "text").value = item.text; part(row, "quantity").value = "1";
    }
    input.value = ""; fit();
    row.classList.add("sel"); setTimeout(() => row.classList.remove("sel"), 700);
    input.focus();
  };
  let took = false;
  input.addEventListener("picked", (e) => { took = true; add(e.detail); });
  input.form.addEventListener("keydown", (e) => {
    if (e.key !== "Enter") return;
    if (e.target.classList.contains("qty")) { e.preventDefault(); input.focus(); return; }
    if (e.target !== input) return;
    took = false;
    const typed = input.value.trim();
    setTimeout(async () => {
      if (took || !typed) return;
      const url = new URL(box.dataset.lookupUrl, location); url.searchParams.set("q", typed);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      const items = answer.ok ? (await answer.json()).items : [];
      const hit = items.find((x) => x.exact) || (items.length === 1 ? items[0] : null);
      if (hit) add(hit); else if (!items.length) { window.ruam.tell(`${input.dataset.unknown} ${typed}`, "danger"); input.select(); }
    }, 0);
    e.preventDefault();
  }, true);
  box.addEventListener("click", (e) => {
    const gone = e.target.closest("[data-line-remove]");
    if (!gone) return;
    const row = gone.closest("[data-line]");
    if (rows().length > 1) row.remove(); else ["text", "sku", "quantity"].forEach((name) => { part(row, name).value = ""; });
    fit();
  });
  fit();
});
