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
    fit();
    row.classList.add("sel"); setTimeout(() => row.classList.remove("sel"), 700);
    const at = document.activeElement;
    if (!at || at === document.body || box.contains(at)) input.focus(); // an answer that comes late takes nobody out of another field
  };
  let took = false;
  input.addEventListener("picked", (e) => { took = true; input.value = ""; add(e.detail); });
  let chain = Promise.resolve(), asked = 0, missed = false;  // a scanner does not wait for answers: they are taken in its order
  const look = async (typed) => {
    const url = new URL(box.dataset.lookupUrl, location); url.searchParams.set("q", typed);
    const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    const items = answer?.ok ? (await answer.json()).items : [];
    const hit = items.find((x) => x.exact) || (items.length === 1 ? items[0] : null);
    asked -= 1;
    if (hit) { add(hit); return; }
    missed = true;
    if (!items.length) window.ruam.tell(`${input.dataset.unknown} ${typed}`, "danger");
    if (!input.value) { input.value = typed; input.select(); input.dispatchEvent(new Event("input")); }
  };
  input.form.addEventListener("keydown", (e) => {
    if (e.key !== "Enter") return;
    if (e.target.classList.contains("qty")) { e.preventDefault(); input.focus(); return; }
    if (e.target !== input) return;
    took = false;
    e.preventDefault();
  }, true);
  input.form.addEventListener("keydown", (e) => {  // after the list of suggestions had its turn, before the next key
    const typed = input.value.trim();
    if (e.key !== "Enter" || e.target !== input || took || !typed) return;
    input.value = "";
    if (!asked) missed = false;
    asked += 1; chain = chain.then(() => look(typed));
  });
  input.form.addEventListener("submit", (e) => {  // the last scan is saved with the rest
    if (!asked) return;
    e.preventDefault(); e.stopImmediatePropagation();
    const by = e.submitter; chain.then(() => { if (!missed) input.form.requestSubmit(by); });
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
