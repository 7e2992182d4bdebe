/* The box for pasted chats on the entry screen: what was read goes into the form, each part with how sure it is. Nothing is saved. */
"use strict";
(() => {
  const form = document.getElementById("entry"), box = document.getElementById("chat"), entry = form?.entry;
  if (!box || !entry) return;
  const part = (name) => box.querySelector(`[data-chat-${name}]`), words = box.dataset, kept = `ruam.chat.${form.dataset.user}`;
  const text = part("text"), out = part("out"), left = form.elements.chat_left;
  const make = (tag, facts = {}, ...children) => { const e = Object.assign(document.createElement(tag), facts); e.append(...children); return e; };
  const pill = (sure) => make("span", { className: `pill ${sure.tone} chat-sure`, textContent: sure.text });
  let queue = [], now = null; // the orders that follow, and the one in the form
  const keep = () => { try { if (now || queue.length) sessionStorage.setItem(kept, JSON.stringify({ now, queue })); else sessionStorage.removeItem(kept); } catch { /* private window: the list lives as long as the page */ } };
  const fetched = () => { try { return JSON.parse(sessionStorage.getItem(kept)) || {}; } catch { return {}; } };
  const labelOf = (name) => (name === "term" ? form.querySelector("[role=radiogroup] > label") : form.querySelector(`label[for="${name}"]`));

  function clear() { form.querySelectorAll(".chat-sure").forEach((e) => e.remove()); }
  function set(name, value) {
    if (name === "term") { const radio = form.querySelector(`input[name=term][value="${value}"]`); if (radio) radio.checked = true; return; }
    const field = form.elements[name]; if (field) { field.value = value; field.closest("details")?.setAttribute("open", ""); }
  }
  function add(draft) {
    draft.items.filter((item) => item.sku).forEach((item) => {
      const row = entry.add(item.sku, item.qty, true);
      row?.querySelector(".item-code")?.append(" ", pill(item.sure), make("span", { className: "muted chat-sure", textContent: ` “${item.text}”` }));
    });
  }
  function questions(draft, there = new Set()) {
    const open = draft.items.filter((item) => !item.sku && !item.options.some((sku) => there.has(sku.sku)));
    if (!open.length) return null;
    return make("div", { className: "chat-open" }, make("b", { textContent: words.tWhich }), ...open.map((item) => {
      const line = make("div", { className: "offers" }, make("span", { textContent: `“${item.text}” × ${item.qty}` }));
      item.options.forEach((sku) => {
        const use = make("button", { type: "button", className: "offer" }, make("span", { textContent: sku.text }), make("b", { textContent: words.tUse }));
        use.addEventListener("click", () => { entry.add(sku, item.qty, true); line.remove(); });
        line.append(use);
      });
      if (!item.options.length) line.append(make("small", { className: "muted", textContent: words.tNothing }));
      return line;
    }));
  }
  function areas(draft) {
    if (draft.areas.length < 2) return null;
    const list = make("div", { className: "offers" }, make("b", { textContent: words.tPlace }));
    draft.areas.forEach((area) => {
      const use = make("button", { type: "button", className: "offer" }, make("span", { textContent: area.text }), make("b", { textContent: words.tUse }));
      use.addEventListener("click", () => { Object.entries(area.fields).forEach(([n, v]) => set(n, v)); list.remove(); entry.changed(); });
      list.append(use);
    });
    return list;
  }
  function put(draft) {
    clear(); now = draft;
    Object.entries(draft.fields).forEach(([name, value]) => set(name, value));
    Object.entries(draft.sure).forEach(([name, sure]) => labelOf(name)?.append(" ", pill(sure)));
    const open = questions(draft);
    add(draft); tell(draft, open); entry.changed();
    out.scrollIntoView({ block: "nearest" });
  }
  function tell(draft, open) {
    const notes = [...(draft.kind ? [`${words.tKind} ${draft.kind}`] : []), ...draft.hints, ...(draft.unread.length ? [`${words.tUnread} ${draft.unread.join(" · ")}`] : [])];
    const said = notes.map((note) => make("li", { textContent: note }));
    const parts = [said.length ? make("ul", { className: "warnings" }, ...said) : null, areas(draft), open].filter(Boolean);
    const more = queue.length ? make("p", { className: "muted", textContent: words.tMore.replace("{n}", queue.length) }) : null;
    out.replaceChildren(make("p", { className: "chat-now" }, make("b", { textContent: draft.title }), make("span", { className: "muted", textContent: ` ${words.tCheck}` })), ...parts, ...(more ? [more] : []));
    out.hidden = false; left.value = queue.length; keep();
  }
  async function read() {
    if (!text.value.trim()) { text.focus(); return; }
    const button = part("read"), body = new FormData();
    body.set("csrf_token", form.elements.csrf_token.value); body.set("text", text.value); body.set("shop_id", form.elements.shop_id.value);
    button.disabled = true;
    try {
      const answer = await fetch(words.url, { method: "POST", body, headers: { Accept: "application/json" } });
      const found = await answer.json().catch(() => ({}));
      if (!answer.ok) { out.replaceChildren(make("p", { className: "err", textContent: found.message || words.tOffline })); out.hidden = false; return; }
      const others = found.others ? make("p", { className: "muted", textContent: found.others }) : null;
      queue = found.drafts;
      if (queue.length) put(queue.shift()); else out.replaceChildren();
      if (others) { out.append(others); out.hidden = false; }
    } catch { out.replaceChildren(make("p", { className: "err", textContent: words.tOffline })); out.hidden = false; } finally { button.disabled = false; }
  }
  part("read").addEventListener("click", read);
  text.addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); e.stopPropagation(); read(); } });
  box.hidden = false;
  if ("atOnce" in words && text.value.trim()) { box.open = true; read(); }
  if (new URLSearchParams(location.search).get("chat") === "next") {
    queue = fetched().queue || [];
    if (queue.length) { box.open = true; put(queue.shift()); }
  }
  if ("back" in words) { // refused: what was pasted and what follows it are still there
    ({ now = null, queue = [] } = fetched());
    box.open = true; left.value = queue.length;
    if (now) tell(now, questions(now, new Set([...form.querySelectorAll("#items [name=sku]")].map((e) => e.value))));
  } else if (!now) { queue = fetched().queue || []; keep(); queue = []; } // the notes of an earlier order are not this one's
})();
