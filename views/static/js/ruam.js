/* Ruam: small behaviours for server-made pages. No framework, no inline handlers, nothing from outside. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);
  const $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const body = document.body;
  const typing = (e) => e.target.closest("input,textarea,select,[contenteditable]");

  // --- dialogs and questions -------------------------------------------------
  function ask(text, tone) {
    return new Promise((resolve) => {
      const box = document.createElement("dialog");
      const pad = box.appendChild(Object.assign(document.createElement("div"), { className: "pad" }));
      pad.appendChild(Object.assign(document.createElement("p"), { className: "pre", textContent: text }));
      const row = pad.appendChild(Object.assign(document.createElement("div"), { className: "btns" }));
      const no = row.appendChild(Object.assign(document.createElement("button"), { className: "btn", type: "button", textContent: body.dataset.confirmNo }));
      const yes = row.appendChild(Object.assign(document.createElement("button"), { className: "btn p" + (tone ? " " + tone : ""), type: "button", textContent: body.dataset.confirmYes }));
      let answer = false;
      yes.addEventListener("click", () => { answer = true; box.close(); });
      no.addEventListener("click", () => box.close());
      box.addEventListener("close", () => { box.remove(); resolve(answer); });
      body.append(box); box.showModal(); yes.focus();
    });
  }
  document.addEventListener("click", (e) => {
    const open = e.target.closest("[data-open]");
    if (open) { const d = document.getElementById(open.dataset.open); if (d) { d.showModal(); const f = $("[data-first]", d) || $("input:not([type=hidden]),select,textarea", d); if (f) f.focus(); } }
    if (e.target.closest("[data-close]")) e.target.closest("dialog")?.close();
    const gone = e.target.closest("[data-dismiss]"); if (gone) gone.closest(".flash").remove();
    if (e.target.tagName === "DIALOG" && e.target.open) e.target.close();
    $$("details.pop[open]").forEach((d) => { if (!d.contains(e.target)) d.open = false; });
    if (e.target.closest("[data-menu-open]")) menu(true);
    if (e.target.closest("[data-menu-close]")) menu(false);
    const copy = e.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => tell(body.dataset.copied));
    const row = e.target.closest("tr[data-href]");
    if (row && !e.target.closest("a,button,input,label,select,summary") && !getSelection().toString()) location.href = row.dataset.href;
  });
  function menu(on) { body.classList.toggle("menu-open", on); const veil = $(".veil"); if (veil) veil.hidden = !on; }
  function tell(text, tone = "success") {
    let area = $(".flashes");
    if (!area) { area = Object.assign(document.createElement("div"), { className: "flashes" }); area.setAttribute("role", "status"); ($(".main") || $(".gate-box") || body).prepend(area); }
    const box = area.appendChild(Object.assign(document.createElement("div"), { className: "flash " + tone }));
    box.appendChild(Object.assign(document.createElement("p"), { textContent: text }));
    if (tone === "success") setTimeout(() => box.remove(), 2500);
  }

  // --- posting: ask first, once only, keep what was typed -----------------------
  const KEEP = "ruam.form";
  document.addEventListener("submit", async (e) => {
    const form = e.target, button = e.submitter;
    const question = button?.dataset.confirm || form.dataset.confirm;
    if (question && !form.dataset.agreed) {
      e.preventDefault();
      if (await ask(question, button?.classList.contains("d") ? "d" : "")) { form.dataset.agreed = "1"; form.requestSubmit(button || undefined); delete form.dataset.agreed; }
      return;
    }
    if ((form.getAttribute("method") || "").toLowerCase() !== "post") return; // a field may be called "method"
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "1";
    if (button) { setTimeout(() => button.setAttribute("aria-busy", "true"), 0); }
    setTimeout(() => { delete form.dataset.sent; button?.removeAttribute("aria-busy"); }, 8000);
    if (!("noKeep" in form.dataset)) keep(form);
  });
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((f) => { delete f.dataset.sent; $$("[aria-busy]", f).forEach((b) => b.removeAttribute("aria-busy")); }));
  function keep(form) {
    const values = [], chosen = []; // what was chosen of a lookup comes last: typing into it forgets the choice
    for (const f of form.elements) {
      if (f.dataset.lookup && f.id) chosen.push([`#${f.id}`, f.value], [`#${f.dataset.target}`, document.getElementById(f.dataset.target)?.value ?? ""]);
      if (!f.name || ["password", "file", "hidden", "submit", "button"].includes(f.type)) continue;
      values.push([f.name, f.type === "checkbox" || f.type === "radio" ? [f.value, f.checked] : f.multiple ? $$("option:checked", f).map((o) => o.value) : f.value]);
    }
    const action = form.getAttribute("action") || "";
    if (values.length || chosen.length) sessionStorage.setItem(KEEP, JSON.stringify({ path: location.pathname, action, at: posting(action).indexOf(form), values: [...values, ...chosen] }));
    else sessionStorage.removeItem(KEEP);
  }
  function posting(action) { return $$("form").filter((f) => (f.getAttribute("method") || "").toLowerCase() === "post" && (f.getAttribute("action") || "") === action && !f.closest(".side")); }
  (function restore() {
    const raw = sessionStorage.getItem(KEEP);
    if (!raw || $(".gate-page")) return;
    sessionStorage.removeItem(KEEP);
    const kept = JSON.parse(raw), resume = new URLSearchParams(location.search).has("resume");
    if (!(resume || $(".flashes .flash.danger")) || kept.path !== location.pathname) return; // a new login, or a refusal
    const forms = posting(kept.action), form = forms[kept.at] || forms[0];
    if (!form || "bulk" in form.dataset) return;
    for (const [name, value] of kept.values) if (name.startsWith("#")) { const f = form.querySelector(`[id="${CSS.escape(name.slice(1))}"]`); if (f) f.value = value; } else for (const f of $$(`[name="${CSS.escape(name)}"]`, form)) {
      if (f.type === "checkbox" || f.type === "radio") { if (f.value === value[0]) f.checked = value[1]; }
      else if (f.multiple) $$("option", f).forEach((o) => { o.selected = value.includes(o.value); });
      else { f.value = value; f.dispatchEvent(new Event("input", { bubbles: true })); }
    }
    for (let e = form.closest("details, dialog"); e; e = e.parentElement?.closest("details, dialog")) if (e.tagName === "DIALOG") { if (!e.matches(":modal")) { e.close(); e.showModal(); } } else e.open = true;
    if (!resume) return;
    const url = new URL(location); url.searchParams.delete("resume"); history.replaceState(null, "", url);
    tell(body.dataset.restored, "info");
  })();

  // --- keys -----------------------------------------------------------------------
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { $$("details.pop[open]").forEach((d) => { d.open = false; $("summary", d).focus(); }); menu(false); }
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
    if (e.key === "/") { const find = $("#find"); if (find) { e.preventDefault(); find.focus(); find.select(); } return; }
    const key = e.key.toLowerCase();
    const target = $$("[data-key]").find((x) => x.dataset.key.toLowerCase() === key && x.offsetParent && !$("dialog[open]"));
    if (target) { e.preventDefault(); target.click(); }
  });

  // --- ticking rows -----------------------------------------------------------------
  $$("form[data-bulk]").forEach((form) => {
    const bar = $("[data-bulk-bar]", form), all = $("[data-bulk-all]", form);
    const boxes = () => $$("input[name=rowid]", form);
    const show = () => {
      const n = boxes().filter((b) => b.checked).length;
      if (bar) { bar.hidden = n === 0; $("[data-bulk-count]", bar).textContent = n; }
      boxes().forEach((b) => b.closest("tr,li,article")?.classList.toggle("sel", b.checked));
      if (all) { all.checked = n > 0 && n === boxes().length; all.indeterminate = n > 0 && n < boxes().length; }
    };
    let last = null;
    form.addEventListener("click", (e) => {
      const box = e.target.closest("input[name=rowid]");
      if (!box) return;
      if (e.shiftKey && last) { const list = boxes(), [a, b] = [list.indexOf(last), list.indexOf(box)].sort((x, y) => x - y); list.slice(a, b + 1).forEach((x) => { x.checked = box.checked; }); }
      last = box;
    });
    form.addEventListener("change", (e) => { if (e.target === all) boxes().forEach((b) => { b.checked = all.checked; }); show(); });
    $("[data-bulk-clear]", form)?.addEventListener("click", () => { boxes().forEach((b) => { b.checked = false; }); show(); });
    show();
  });

  // --- fields that ask the server (<input data-lookup="/url?q=" data-target="hidden id">) --------------
  $$("input[data-lookup]").forEach((input) => {
    const hidden = document.getElementById(input.dataset.target);
    const wrap = Object.assign(document.createElement("div"), { className: "combo" });
    input.replaceWith(wrap); wrap.append(input);
    const list = Object.assign(document.createElement("ul"), { hidden: true }); list.setAttribute("role", "listbox"); wrap.append(list);
    input.setAttribute("role", "combobox"); input.setAttribute("autocomplete", "off"); input.setAttribute("aria-expanded", "false");
    let items = [], at = -1, timer = 0, turn = 0, asked = null;  // asked: what the items answer
    const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); at = -1; };
    const mark = () => $$("li", list).forEach((li, i) => { li.setAttribute("aria-selected", String(i === at)); if (i === at) li.scrollIntoView({ block: "nearest" }); });
    const take = (i) => { const it = items[i]; if (!it) return; input.value = it.text; if (hidden) hidden.value = it.id; close(); input.dispatchEvent(new CustomEvent("picked", { bubbles: true, detail: it })); };
    const look = async () => {
      const mine = ++turn, typed = input.value, url = new URL(input.dataset.lookup, location); url.searchParams.set("q", typed);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (mine !== turn || !answer.ok) return;
      items = (await answer.json()).items; asked = typed; list.replaceChildren();
      items.forEach((it, i) => { const li = list.appendChild(document.createElement("li")); li.setAttribute("role", "option"); li.append(it.text); if (it.hint) li.appendChild(document.createElement("small")).textContent = it.hint; li.addEventListener("mousedown", (e) => e.preventDefault()); li.addEventListener("click", () => take(i)); });
      if (!items.length) list.appendChild(document.createElement("li")).textContent = body.dataset.nothing;
      list.hidden = false; input.setAttribute("aria-expanded", "true"); at = items.length ? 0 : -1; mark();
    };
    input.addEventListener("input", () => { if (hidden) hidden.value = ""; clearTimeout(timer); timer = setTimeout(look, 160); });
    input.addEventListener("focus", () => { if (!hidden?.value) { clearTimeout(timer); timer = setTimeout(look, 60); } });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (e) => {
      if (e.key === "Escape") { close(); return; }
      if (list.hidden) return;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); at = Math.max(0, Math.min(items.length - 1, at + (e.key === "ArrowDown" ? 1 : -1))); mark(); }
      if (e.key === "Enter" && at >= 0 && input.value === asked) { e.preventDefault(); take(at); }  // a scanner is faster than the list
    });
  });

  // the chosen chip and the open page's menu line are in sight, however long their rows are
  $$(".chips .chip.on, .menu a[aria-current]").forEach((one) => {
    const row = one.closest(".chips, .menu"), its = one.getBoundingClientRect(), all = row.getBoundingClientRect();
    if (its.right > all.right || its.left < all.left) row.scrollLeft += its.left - all.left - 12;
    if (its.bottom > all.bottom || its.top < all.top) row.scrollTop += its.top - all.top - all.height / 2;
  });

  // --- the rest -----------------------------------------------------------------------
  $$("[data-poll]").forEach((box) => {
    const bar = $("progress", box), text = $("[data-poll-text]", box);
    const step = async () => {
      const answer = await fetch(box.dataset.poll, { headers: { Accept: "application/json" } }).catch(() => null);
      if (answer?.ok) { const now = await answer.json(); if (bar) { bar.max = now.max || 1; bar.value = now.value; } if (text && now.text) text.textContent = now.text; if (now.done) { location.reload(); return; } }
      setTimeout(step, 1200);
    };
    setTimeout(step, 600);
  });
  document.addEventListener("change", (e) => { if (e.target.closest("[data-autosubmit]")) e.target.form?.requestSubmit(); });
  $$("[data-filter-column]").forEach((pick) => {
    const panel = pick.closest("[data-filter-panel]");
    const show = () => $$("[data-filter-for]", panel).forEach((x) => { const on = x.dataset.filterFor === pick.value; x.hidden = !on; $$("input,select", x).forEach((f) => { f.disabled = !on; }); });
    pick.addEventListener("change", show); show();
  });
  $$("[data-filter-form]").forEach((form) => form.addEventListener("submit", (e) => {
    e.preventDefault();
    const row = $$("[data-filter-for]", form).find((x) => !x.hidden), url = new URL(location);
    url.searchParams.set($("[data-filter-operator]", row).value, $("[data-filter-value]", row).value);
    url.searchParams.delete("page"); location.href = url;
  }));
  for (const toggle of $$("[data-theme-toggle]")) if (document.documentElement.dataset.theme === "auto" && matchMedia("(prefers-color-scheme:dark)").matches) { const u = new URL(toggle.href); u.pathname = u.pathname.replace(/dark$/, "light"); toggle.href = u; }
  addEventListener("scroll", () => body.classList.toggle("scrolled", scrollY > 4), { passive: true });
  window.ruam = { ask, tell };
})();
