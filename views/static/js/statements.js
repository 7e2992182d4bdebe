/* Matching by keyboard: j/k or arrows move, x adds a line, 1-9 choose, Enter matches, i ignores, / searches, u undoes. */
"use strict";
(() => {
  const st = document.querySelector("[data-st]");
  if (!st) return;
  const $ = (s, e = document) => e.querySelector(s);
  const $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const rows = $$("[data-line]", st);
  const satang = (text) => Math.round(parseFloat(String(text).replace(/,/g, "")) * 100) || 0;
  const baht = (n) => (n < 0 ? "−" : "") + (Math.abs(n) / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
  const also = new Set();
  let at = Math.max(0, rows.findIndex((r) => r.classList.contains("at")));
  const panel = () => $(`[data-panel="${rows[at].dataset.line}"]`, st);
  const form = () => $("form[data-match]", panel());

  // --- which line ---------------------------------------------------------------
  function go(to, open = true) {
    rows[at].classList.remove("at"); rows[at].removeAttribute("aria-selected"); panel().hidden = true;
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows[at].classList.add("at"); rows[at].setAttribute("aria-selected", "true"); panel().hidden = false;
    rows[at].scrollIntoView({ block: "nearest" });
    for (const id of [...also]) if (!joins(document.getElementById(`l${id}`))) also.delete(id);
    if (open) document.body.classList.add("st-open");
    show();
  }
  const joins = (row) => row !== rows[at] && row.dataset.openLine === "1" && rows[at].dataset.openLine === "1" && row.dataset.in === rows[at].dataset.in && row.dataset.account === rows[at].dataset.account;
  $("[data-lines]", st).addEventListener("click", (e) => {
    const row = e.target.closest("[data-line]");
    if (!row || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    if (e.shiftKey && joins(row)) { add(row); return; }
    go(rows.indexOf(row));
  });
  $("[data-back]", st)?.addEventListener("click", () => document.body.classList.remove("st-open"));
  function add(row) { if (also.has(row.dataset.line)) also.delete(row.dataset.line); else also.add(row.dataset.line); show(); }

  // --- the sum, live --------------------------------------------------------------
  const wanted = (cand) => {
    const parts = $$("[data-part]", cand);
    return parts.length ? parts.reduce((sum, p) => sum + satang(p.value), 0) : satang($("[name=choice]", cand).dataset.amount);
  };
  function came() { return [rows[at].dataset.line, ...also].reduce((sum, id) => sum + satang(document.getElementById(`l${id}`).dataset.left), 0); }
  function show() {
    rows.forEach((r) => r.classList.toggle("also-in", also.has(r.dataset.line)));
    const f = form();
    if (!f) return;
    const list = $("[data-also]", f); list.replaceChildren();
    for (const id of also) {
      const row = document.getElementById(`l${id}`), li = list.appendChild(document.createElement("li"));
      li.append(`+ ${$(".st-when", row).innerText.replace(/\s+/g, " ")}`, Object.assign(document.createElement("b"), { textContent: baht(satang(row.dataset.left)) }));
      const field = li.appendChild(document.createElement("input")); field.type = "hidden"; field.name = "line"; field.value = id;
      const seen = $(`[data-panel="${id}"] input[name="version_${id}"]`, st);
      const version = li.appendChild(document.createElement("input")); version.type = "hidden"; version.name = `version_${id}`; version.value = seen ? seen.value : "";
    }
    const chosen = $$("[data-cand]", f).filter((c) => $("[name=choice]", c).checked).reduce((sum, c) => sum + wanted(c), 0);
    const left = came() - chosen, box = $("[data-left-box]", f);
    $("[data-chosen]", f).textContent = baht(chosen); $("[data-came]", f).textContent = baht(came()); $("[data-left-over]", f).textContent = baht(left);
    box.classList.toggle("over", left < 0); box.classList.toggle("rest", left > 0 && chosen > 0); box.classList.toggle("even", left === 0);
    const rest = $("[data-when=rest]", f); if (rest) rest.hidden = !(left > 0 && chosen > 0);
    for (const c of $$("[data-cand]", f)) $$("[data-part]", c).forEach((p) => { p.disabled = !$("[name=choice]", c).checked; });
  }
  st.addEventListener("input", (e) => { if (e.target.closest("[data-part]")) show(); });
  st.addEventListener("change", (e) => { if (e.target.name === "choice") pick(e.target, e.target.checked); });
  function pick(box, on) {
    const f = form(), mine = box.closest("[data-cand]");
    box.checked = on;
    const others = $$("[data-cand]", f).filter((c) => c !== mine && $("[name=choice]", c).checked);
    if (on && others.reduce((sum, c) => sum + wanted(c), 0) + wanted(mine) > came()) others.forEach((c) => { $("[name=choice]", c).checked = false; });
    show();
  }

  // --- adding an order by hand ---------------------------------------------------------
  $$("[data-find]", st).forEach((input) => {
    const list = $("ul", input.parentElement), f = input.closest("form");
    let items = [], on = 0, timer = 0, turn = 0;
    const close = () => { list.hidden = true; };
    const mark = () => $$("li", list).forEach((li, i) => { li.setAttribute("aria-selected", String(i === on)); if (i === on) li.scrollIntoView({ block: "nearest" }); });
    const take = (item) => {
      if (!item) return;
      const known = $(`[name=amount_${item.id}]`, f);
      close(); input.value = ""; input.blur();
      if (known) { pick($("[name=choice]", known.closest("[data-cand]")), true); return; }
      const free = Math.max(0, came() - $$("[data-cand]", f).filter((c) => $("[name=choice]", c).checked).reduce((sum, c) => sum + wanted(c), 0));
      const give = Math.min(satang(item.missing), free || came());
      const li = document.createElement("li"); li.className = "cand"; li.dataset.cand = "";
      const label = li.appendChild(document.createElement("label")), n = $$("[data-cand]", f).length + 1;
      label.append(Object.assign(document.createElement("kbd"), { textContent: n }));
      const box = label.appendChild(document.createElement("input")); box.type = "checkbox"; box.name = "choice"; box.value = `orders:${item.id}`; box.dataset.amount = give / 100;
      const text = label.appendChild(Object.assign(document.createElement("span"), { className: "cand-text" }));
      text.append(Object.assign(document.createElement("b"), { textContent: item.text }), Object.assign(document.createElement("small"), { textContent: item.hint }));
      const part = li.appendChild(Object.assign(document.createElement("div"), { className: "parts" })).appendChild(document.createElement("label"));
      part.append(Object.assign(document.createElement("span"), { textContent: item.text }), document.createElement("span"));
      const amount = part.appendChild(document.createElement("input")); amount.type = "text"; amount.inputMode = "decimal"; amount.name = `amount_${item.id}`; amount.value = (give / 100).toFixed(2); amount.dataset.part = ""; amount.setAttribute("aria-label", item.text);
      $("[data-cands]", f).append(li); $("[data-none]", f)?.remove();
      pick(box, true);
    };
    const look = async () => {
      const mine = ++turn, url = new URL(st.dataset.lookupUrl, location); url.searchParams.set("q", input.value);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (mine !== turn || !answer.ok) return;
      items = (await answer.json()).items; on = 0; list.replaceChildren();
      items.forEach((item) => { const li = list.appendChild(document.createElement("li")); li.setAttribute("role", "option"); li.append(item.text); li.appendChild(document.createElement("small")).textContent = item.hint; li.addEventListener("mousedown", (e) => e.preventDefault()); li.addEventListener("click", () => take(item)); });
      if (!items.length) list.appendChild(document.createElement("li")).textContent = document.body.dataset.nothing;
      list.hidden = false; mark();
    };
    input.addEventListener("input", () => { clearTimeout(timer); if (input.value.trim().length > 1) timer = setTimeout(look, 160); else close(); });
    input.addEventListener("blur", () => setTimeout(close, 120));
    input.addEventListener("keydown", (e) => {
      if (e.key === "Escape") { e.stopPropagation(); input.value = ""; close(); input.blur(); return; }
      if (list.hidden) { if (e.key === "Enter") e.preventDefault(); return; }
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); on = Math.max(0, Math.min(items.length - 1, on + (e.key === "ArrowDown" ? 1 : -1))); mark(); }
      if (e.key === "Enter") { e.preventDefault(); take(items[on]); }
    });
  });

  // --- ignoring ------------------------------------------------------------------------
  function ignore(button) {
    const dialog = document.getElementById("ignore"), f = $("[data-ignore-form]", dialog);
    f.action = button.dataset.ignore; f.elements.version.value = button.dataset.version; f.elements.next.value = rows[at + 1]?.dataset.line || "";
    dialog.showModal(); f.elements.kind.focus();
  }
  $$("[data-ignore]", st).forEach((b) => b.addEventListener("click", () => ignore(b)));
  st.addEventListener("submit", (e) => { if (e.target.matches("[data-match]")) $("[data-next]", e.target).value = rows.slice(at + 1).find((r) => r.dataset.openLine === "1" && !also.has(r.dataset.line))?.dataset.line || ""; });

  // --- keys --------------------------------------------------------------------------------
  const typing = (e) => e.target.closest("input:not([type=checkbox]),textarea,select,[contenteditable]");
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || $("dialog[open]") || typing(e)) return;
    const done = () => { e.preventDefault(); e.stopImmediatePropagation(); };
    if (e.key === "j" || e.key === "ArrowDown") { done(); go(at + 1); }
    else if (e.key === "k" || e.key === "ArrowUp") { done(); go(at - 1); }
    else if (e.key === "x") { done(); const next = rows.slice(at + 1).find((r) => joins(r) && !also.has(r.dataset.line)); if (next) add(next); }
    else if (e.key === "X") { done(); also.clear(); show(); }
    else if (/^[1-9]$/.test(e.key)) { const f = form(), box = f && $$("[data-cand] [name=choice]", f)[Number(e.key) - 1]; if (box && !box.disabled) { done(); pick(box, !box.checked); } }
    else if (e.key === "Enter" && !e.target.closest("a,button,summary")) { const f = form(); if (f) { done(); f.requestSubmit($("[data-confirm-match]", f)); } }
    else if (e.key === "i") { const b = $("[data-ignore]", panel()); if (b) { done(); ignore(b); } }
    else if (e.key === "/") { const find = $("[data-find]", panel()); if (find) { done(); find.focus(); } }
  }, true);
  if (new URLSearchParams(location.search).has("line")) { document.body.classList.add("st-open"); rows[at].scrollIntoView({ block: "nearest" }); }
  show();
})();
