/* The entry screen: look-ups, rows of items, the server's running total, and keeping what was typed. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);
  const $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const form = $("#entry");
  if (!form) return;
  const say = (name) => form.dataset["t" + name];
  const field = (name) => form.elements[name];
  const ask = async (url, q) => {
    const address = new URL(url, location);
    address.searchParams.set("q", q);
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const make = (tag, facts = {}, ...children) => { const e = Object.assign(document.createElement(tag), facts); e.append(...children); return e; };

  // --- a field with suggestions --------------------------------------------------------------------
  function combo(input, url, { pick, hint = (it) => it.hint, enter = null, least = 2 }) {
    const wrap = make("div", { className: "combo" });
    input.replaceWith(wrap); wrap.append(input);
    const list = make("ul", { hidden: true, id: input.id + "-list" }); list.setAttribute("role", "listbox"); wrap.append(list);
    input.setAttribute("role", "combobox"); input.setAttribute("aria-expanded", "false"); input.setAttribute("aria-controls", list.id); input.setAttribute("aria-autocomplete", "list");
    let items = [], at = -1, timer = 0, turn = 0, shownFor = "";
    const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); at = -1; turn++; clearTimeout(timer); };
    const mark = () => $$("li", list).forEach((li, i) => { li.setAttribute("aria-selected", String(i === at)); if (i === at) { li.scrollIntoView({ block: "nearest" }); input.setAttribute("aria-activedescendant", li.id); } });
    const take = (i) => { const it = items[i]; close(); if (it) pick(it, input); };
    const look = async () => {
      const mine = ++turn, q = input.value.trim();
      if (q.length < least) { close(); return; }
      let answer;
      try { answer = await ask(url, q); } catch { return; }
      if (mine !== turn) return;
      items = answer.items; shownFor = q; list.replaceChildren();
      items.forEach((it, i) => {
        const li = make("li", { id: `${list.id}-${i}` }, it.text); li.setAttribute("role", "option");
        if (hint(it)) li.append(make("small", { textContent: hint(it) }));
        li.addEventListener("mousedown", (e) => e.preventDefault()); // the cursor stays in the field
        li.addEventListener("click", () => take(i)); // not sooner: a finger's click would hit what appears below
        list.append(li);
      });
      if (!items.length) list.append(make("li", { textContent: say("Nothing"), className: "muted" }));
      list.hidden = false; input.setAttribute("aria-expanded", "true"); at = items.length ? 0 : -1; mark();
    };
    input.addEventListener("input", (e) => { if (!e.isTrusted && !e.detail?.typed) return; clearTimeout(timer); timer = setTimeout(look, 150); });
    input.addEventListener("blur", () => setTimeout(close, 120));
    input.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && !list.hidden) { e.preventDefault(); e.stopPropagation(); close(); return; }
      if (e.key === "Enter" && !e.ctrlKey && !e.metaKey) {
        const current = !list.hidden && at >= 0 && shownFor === input.value.trim();
        if (current && !(enter && items[at].exact)) { e.preventDefault(); e.stopPropagation(); take(at); return; }
        if (enter && input.value.trim()) { e.preventDefault(); e.stopPropagation(); close(); enter(input.value.trim()); return; }
      }
      if (list.hidden) { if (e.key === "ArrowDown") look(); return; }
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); at = Math.max(0, Math.min(items.length - 1, at + (e.key === "ArrowDown" ? 1 : -1))); mark(); }
    });
    return { close };
  }

  // --- the buyer -------------------------------------------------------------------------------------
  const offers = $("#offers"), chosen = $("#chosen");
  const ADDRESS = ["name", "phone", "line", "subdistrict", "district", "province", "postcode"];
  const filled = {}; // what a suggestion wrote: it may be replaced by the next suggestion, what a person typed may not
  const mayFill = (name) => !field(name).value.trim() || field(name).value === filled[name];
  const fill = (name, value) => { if (value && mayFill(name)) { field(name).value = value; filled[name] = value; } };
  async function choose(person) {
    field("customer_id").value = person.id; field("customer_name").value = person.text;
    $("#chosen-name").textContent = person.text; chosen.hidden = false;
    fill("name", person.text);
    let found = { addresses: [] };
    try { found = await ask(form.dataset.person, person.id); } catch { /* number and address can be typed */ }
    if (field("customer_id").value !== String(person.id)) return;
    fill("phone", found.phone);
    offerAddresses(found.addresses);
    if (found.addresses.length && ["line", "subdistrict", "district", "province", "postcode"].every(mayFill)) useAddress(found.addresses[0], false);
    changed();
  }
  function unchoose() {
    field("customer_id").value = field("customer_name").value = ""; chosen.hidden = true; offers.hidden = true;
    for (const name of ADDRESS) if (filled[name] && field(name).value === filled[name]) field(name).value = "";
    changed(); $("#who")?.focus();
  }
  function useAddress(address, asked = true) {
    for (const name of ADDRESS) if (address[name] || asked) { if (asked || mayFill(name)) { field(name).value = address[name] || field(name).value; filled[name] = field(name).value; } }
    changed();
  }
  function offer(text, use) {
    const button = make("button", { type: "button", className: "offer" }, make("span", { textContent: text }), make("b", { textContent: say("Use") }));
    button.addEventListener("click", use);
    return button;
  }
  function offerAddresses(addresses) {
    offers.replaceChildren(...addresses.map((a) => offer(a.text, () => useAddress(a))));
    offers.hidden = !addresses.length;
  }
  const who = $("#who");
  if (who) combo(who, form.dataset.customers, { pick: async (person, input) => { input.value = ""; await choose(person); (field("line").value ? $("#what") : field("line")).focus(); }, enter: newPerson, least: 3 });
  function newPerson(text) {
    const digits = text.replace(/[\s()+.-]/g, "");
    if (/^\d{6,}$/.test(digits)) { if (!field("phone").value) field("phone").value = text; field("name").focus(); } else { if (!field("name").value) field("name").value = text; field("phone").focus(); }
    who.value = ""; changed();
  }
  $("#unchoose").addEventListener("click", unchoose);

  // --- places -------------------------------------------------------------------------------------------
  const AREA = ["subdistrict", "district", "province"];
  function usePlace(place, input = null) {
    if (input) { input.value = place[input.name] || input.value; filled[input.name] = input.value; }
    AREA.forEach((name) => fill(name, place[name]));
    const code = field("postcode");
    if (input === code || place.postcodes.includes(code.value.trim())) { if (!place.postcodes.includes(code.value.trim())) { code.value = place.postcodes[0]; filled.postcode = code.value; } } else fill("postcode", place.postcodes[0]);
    changed();
  }
  for (const name of [...AREA, "postcode"]) combo(field(name), form.dataset.placesUrl, { pick: (place, input) => { const postcode = input.name === "postcode" ? place.postcodes.find((c) => c.startsWith(input.value.trim())) : ""; if (postcode) { input.value = postcode; filled.postcode = postcode; } usePlace(place, input.name === "postcode" ? null : input); next(field("postcode")); } });
  const apart = $("#apart"), line = field("line");
  line.addEventListener("paste", () => {
    const before = line.value;
    setTimeout(async () => {
      const pasted = line.value;
      if (pasted.trim().length < 15) return;
      let found;
      try { found = await ask(form.dataset.apart, pasted); } catch { return; }
      if (line.value !== pasted) return;
      if (found.phones.length) fill("phone", found.phones[0]);
      if (found.items.length > 1) { apart.replaceChildren(make("span", { textContent: say("Choose") }), ...found.items.map((p) => offer(`${p.text} ${p.postcodes.join("/")}`, () => { usePlace(p); apart.hidden = true; }))); apart.hidden = false; }
      if (found.items.length === 1) {
        const was = Object.fromEntries([...AREA, "postcode", "phone"].map((n) => [n, field(n).value]));
        usePlace(found.items[0]);
        if (!before.trim()) {
          line.value = found.rest;
          const undo = make("button", { type: "button", className: "btn ghost s", textContent: say("Undo") });
          undo.addEventListener("click", () => { line.value = pasted; for (const [n, v] of Object.entries(was)) field(n).value = v; apart.hidden = true; changed(); line.focus(); });
          apart.replaceChildren(make("span", { textContent: `${say("Apart")}: ${found.items[0].text}` }), undo); apart.hidden = false;
        }
      }
      changed();
    }, 0);
  });

  // --- items ------------------------------------------------------------------------------------------------
  const body = $("#items tbody"), what = $("#what"), whatError = $("#what-err");
  const rows = () => $$("tr.item", body);
  function showItems() { const any = rows().length > 0; $("#items").hidden = !any; $("#no-items").hidden = any; }
  function add(item, quantity = 1, stay = false) {
    whatError.hidden = true; if (!stay) what.value = "";
    let row = rows().find((r) => r.dataset.skuId === String(item.id));
    if (row) { const q = $("[name=qty]", row); q.value = (parseInt(q.value, 10) || 0) + quantity; } else {
      row = $("#row").content.firstElementChild.cloneNode(true);
      row.dataset.skuId = item.id; $("[name=sku]", row).value = item.sku; $("[name=qty]", row).value = quantity; $("[name=price]", row).placeholder = item.price;
      $(".item-name", row).textContent = item.name; $(".item-code", row).textContent = item.sku;
      $$(".free", row).forEach((f) => { $("b", f).textContent = item.free[f.dataset.place] ?? 0; });
      body.append(row);
    }
    showItems(); changed();
    if (stay) what.focus(); else { const q = $("[name=qty]", row); q.focus(); q.select(); }
    return row;
  }
  form.entry = { add, changed: () => changed() };
  async function scanned(text) {
    const times = /^(\d{1,4})\s*[*x×]\s*(\S.*)$/i.exec(text), code = times ? times[2] : text;
    const back = () => { if (!what.value) { what.value = text; what.select(); } }; // unless the next code is typed already
    let answer;
    what.value = ""; // at once: a gun is quicker than the answer, and what it types next must stand alone
    try { answer = await ask(form.dataset.skus, code); } catch { back(); window.ruam?.tell(say("Offline"), "danger"); return; }
    const item = answer.items.find((it) => it.exact) || (answer.items.length === 1 ? answer.items[0] : null);
    if (item) { add(item, times ? parseInt(times[1], 10) : 1, true); return; }
    whatError.textContent = `${say("Unknown")}: ${code}`; whatError.hidden = false; back();
  }
  combo(what, form.dataset.skus, { pick: (item) => add(item), hint: (it) => [it.price && `฿${it.price}`, it.hint].filter(Boolean).join(" · "), enter: scanned });
  body.addEventListener("click", (e) => { const gone = e.target.closest("[data-remove]"); if (gone) { gone.closest("tr").remove(); showItems(); changed(); what.focus(); } });
  field("shop_id").addEventListener("change", (e) => { const place = e.target.selectedOptions[0].dataset.warehouse; if ($(`option[value="${place}"]`, field("warehouse_id"))) field("warehouse_id").value = place; });

  // --- the server's running total -------------------------------------------------------------------------------
  let waiting = 0, round = 0, dirty = false, asking = null;
  function changed() { dirty = true; keepSoon(); clearTimeout(waiting); waiting = setTimeout(preview, 220); }
  async function preview() {
    const mine = ++round;
    let found;
    try {
      asking?.abort(); asking = new AbortController();
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, signal: asking.signal });
      if (!answer.ok) return;
      found = await answer.json();
    } catch { return; }
    if (mine === round) show(found);
  }
  function show(found) {
    const known = rows().filter((r) => r.dataset.skuId), from = field("warehouse_id").value;
    known.forEach((row, i) => {
      const facts = found.lines[i]; if (!facts) return;
      if (facts.price) $("[name=price]", row).placeholder = facts.price;
      $(".item-why", row).textContent = facts.why || "";
      $(".item-total", row).textContent = facts.total; row.classList.toggle("short", facts.short);
      $$(".free", row).forEach((f) => { $("b", f).textContent = facts.free[f.dataset.place] ?? 0; f.classList.toggle("from", f.dataset.place === from); });
    });
    $("#sum-goods").textContent = found.goods; $("#sum-total").textContent = $("#foot-total").textContent = found.total;
    $("#sum-percent-row").hidden = found.percent === "0.0"; $("#sum-percent").textContent = `−${found.percent}%`;
    const covered = parseFloat(form.dataset.covered || "-1"); // an approval that was asked for or given already
    const over = $("#over"); over.hidden = !found.over_limit || parseFloat(found.percent) <= covered + 0.05;
    if (found.over_limit) $("#over-text").textContent = found.over_text;
    const list = $("#warnings"); list.replaceChildren(...found.warnings.map((w) => make("li", { textContent: w.message }))); list.hidden = !found.warnings.length;
    const twins = $("#twins"); twins.hidden = !found.twins.length;
    $(".twins", twins).replaceChildren(...found.twins.map((t) => make("li", {}, make("a", { href: t.url, target: "_blank", rel: "noopener", textContent: t.number }), ` ${t.total}`)));
    showProblems(found.problems);
    if (found.known && !field("customer_id").value) { offers.replaceChildren(make("p", { textContent: found.known.hint }), offer(found.known.text, () => choose(found.known))); offers.hidden = false; }
  }
  function showProblems(problems) {
    $$(".live-err").forEach((e) => e.remove());
    for (const p of problems) {
      const m = /^lines\.(\d+)$/.exec(p.field);
      const place = m ? $("td.lead", rows()[m[1]] || body) : p.field && field(p.field) && document.activeElement !== field(p.field) ? field(p.field).closest(".field") : null;
      if (place && !$(".err:not([hidden])", place)) place.append(make("p", { className: "err live-err", textContent: p.message }));
    }
  }
  form.addEventListener("input", (e) => { if (e.target.name) { e.target.closest(".field,td")?.querySelectorAll(".err:not(.live-err):not(#what-err)").forEach((x) => x.remove()); changed(); } });
  form.addEventListener("change", (e) => { if (e.target.name) changed(); });
  form.addEventListener("focusout", () => { clearTimeout(waiting); waiting = setTimeout(preview, 260); });

  // --- keys --------------------------------------------------------------------------------------------------------
  const stops = () => $$("input:not([type=hidden]):not([readonly]),select,textarea,button", form).filter((e) => e.offsetParent && !e.disabled);
  function next(from) { const list = stops(), i = list.indexOf(from); list[i + 1]?.focus(); }
  form.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); $("#save-confirm").click(); return; }
    if (e.key !== "Enter" || e.target.matches("button,textarea,summary,a")) return;
    e.preventDefault(); // Enter never sends a half-filled form
    if (e.target.closest("tr.item")) what.focus(); else next(e.target);
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "F2" && who) { e.preventDefault(); who.focus(); }
    if (e.key === "F4") { e.preventDefault(); what.focus(); }
  });

  // --- keep what was typed: a session that ends in the middle loses nothing --------------------------------------------
  const KEEP = "ruam.entry";
  let keeper = 0;
  const typedNow = () => [...new FormData(form)].filter(([name]) => name !== "csrf_token" && name !== "action");
  function keep(sent = false) { sessionStorage.setItem(KEEP, JSON.stringify({ path: location.pathname, user: form.dataset.user, sent, typed: typedNow() })); }
  function keepSoon() { clearTimeout(keeper); keeper = setTimeout(() => keep(), 300); }
  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEEP) || "null"), url = new URL(location);
    const resumed = url.searchParams.has("resume");
    if (resumed) { url.searchParams.delete("resume"); history.replaceState(null, "", url); }
    if (!kept || kept.path !== location.pathname || kept.user !== form.dataset.user) return;
    if (resumed) { putBack(kept); return; }
    sessionStorage.removeItem(KEEP);
    const worthIt = kept.typed.some(([name, value]) => ["sku", "name", "line"].includes(name) && value.trim());
    if (!kept.sent && worthIt && form.dataset.fresh !== undefined) offerBack(kept); // left or reloaded in the middle
  }
  function offerBack(kept) {
    const note = make("div", { className: "note info" }, make("b", { textContent: say("Unfinished") }));
    const yes = make("button", { type: "button", className: "btn p", textContent: say("Putback") }), no = make("button", { type: "button", className: "btn", textContent: say("Discard") });
    yes.addEventListener("click", () => { note.remove(); putBack(kept); });
    no.addEventListener("click", () => { note.remove(); (who || field("name")).focus(); });
    note.append(make("div", { className: "btns" }, yes, no));
    form.before(note);
  }
  function putBack(kept) {
    const columns = { sku: [], qty: [], price: [], line_discount: [] };
    for (const [name, value] of kept.typed) {
      if (columns[name]) { columns[name].push(value); continue; }
      const target = field(name);
      if (!target) continue;
      if (target.type === "checkbox") target.checked = true; else target.value = value;
    }
    body.replaceChildren();
    columns.sku.forEach((sku, i) => {
      const row = $("#row").content.firstElementChild.cloneNode(true);
      for (const name of Object.keys(columns)) $(`[name=${name}]`, row).value = columns[name][i] ?? "";
      $(".item-name", row).textContent = sku; body.append(row);
      ask(form.dataset.skus, sku).then((a) => { const it = a.items.find((x) => x.exact); if (!it) return; row.dataset.skuId = it.id; $(".item-name", row).textContent = it.name; $(".item-code", row).textContent = it.sku; $("[name=price]", row).placeholder = it.price; changed(); }).catch(() => {});
    });
    if (field("customer_id").value) { $("#chosen-name").textContent = field("customer_name").value; chosen.hidden = false; }
    showItems();
    window.ruam?.tell(document.body.dataset.restored, "info");
    changed();
  }
  form.addEventListener("submit", (e) => { if (e.defaultPrevented) return; dirty = false; clearTimeout(keeper); clearTimeout(waiting); asking?.abort(); keep(true); });
  addEventListener("beforeunload", (e) => { if (dirty && rows().length) e.preventDefault(); });

  restore();
  showItems();
  if (rows().length || field("discount").value || field("postcode").value) preview(); else { $("#sum-goods").textContent = $("#sum-total").textContent = $("#foot-total").textContent = "฿0.00"; }
  if (!$("#twins").hidden) $("#anyway").focus();
  const first = $(".field.bad input, .field.bad textarea, .field.bad select, td .err");
  if (first) (first.matches(".err") ? $("[name=qty]", first.closest("tr")) : first).focus();
  else if (!$("[role=alert]:not([hidden])")) (rows().length ? what : who || field("name")).focus(); // wrapping the field took its focus
})();
