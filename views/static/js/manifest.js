/* A hand-over sheet scanned full: every scan is judged by the server; nothing is lost while the network is gone. */
"use strict";
(() => {
  const root = document.querySelector("[data-sheet]");
  if (!root) return;
  const { sound, post, Queue } = window.scanning, $ = (s, e = document) => e.querySelector(s);
  const code = $("[data-code]", root), box = $("[data-say]", root), line = $("p", box), seen = $("[data-seen]", box);
  let stopped = false;
  const el = (tag, cls, text) => { const e = document.createElement(tag); if (cls) e.className = cls; e.textContent = text; return e; };
  function tell(tone, text) { box.className = `floor-say ${tone}`; line.textContent = text; box.hidden = !text; stopped = tone === "stop"; seen.hidden = !stopped; }
  function show(said) {
    $("[data-boxes]").textContent = said.boxes; $("[data-shipments]").textContent = said.shipments; $("[data-cod]").textContent = said.cod; $("[data-misses]").textContent = said.misses;
    $("[data-rows-of]").replaceChildren(...said.rows.map((r) => {
      const row = document.createElement("tr"), name = el("td", "plain", `${r.name} `), off = el("button", "btn s ghost", root.dataset.out), acts = el("td", "acts", "");
      name.append(el("small", "", r.place)); off.type = "button"; off.dataset.out = r.tracking || r.number; acts.append(off);
      row.append(el("td", "lead mono", r.tracking || "–"), el("td", "", r.number), name, el("td", "n side-cell", r.cod), acts); return row;
    }));
    $("[data-none]").hidden = said.rows.length > 0;
    const late = $("[data-late-box]"); late.hidden = !said.late.length;
    $("[data-late-line]").textContent = root.dataset.late.replace("{n}", said.late.length);
    $("[data-late-list]").replaceChildren(...said.late.map((x) => el("li", "mono", `${x.number} ${x.tracking}`)));
  }
  const queue = new Queue(`ruam.sheet.${root.dataset.id}`, (scans) => post(root.dataset.url, root.dataset.token, { scans }), (said) => {
    show(said);
    const stop = said.answers.find((a) => a.stops), last = said.answers[said.answers.length - 1];
    if (stop) { tell("stop", stop.message); sound("stop"); return; }
    if (!last) return;
    sound(last.outcome === "ok" ? "ok" : "note");
    const row = said.rows.find((r) => r.parcel === last.parcel);
    if (!stopped) tell(last.outcome === "ok" ? "ok" : "note", last.message || (row ? root.dataset.on.replace("{n}", row.tracking || row.number) : root.dataset.off));
  }, (q) => { if (q.offline && q.items.length && !stopped) tell("note", root.dataset.offline.replace("{n}", q.items.length)); });
  const acknowledge = () => { tell("", ""); code.focus(); };
  $("[data-scan-form]", root).addEventListener("submit", (e) => {
    e.preventDefault();
    const text = code.value.trim(); code.value = "";
    if (stopped) { if (!text || /^ruam-ok$/i.test(text)) acknowledge(); else sound("stop"); return; }
    if (text) queue.add({ code: text });
  });
  seen.addEventListener("click", acknowledge);
  document.addEventListener("click", (e) => { const off = e.target.closest("button[data-out]"); if (off) { queue.add({ code: off.dataset.out, out: true }); code.focus(); } });
  document.addEventListener("keydown", (e) => {
    if (document.querySelector("dialog[open]")) return;
    if (e.key === "F9") { e.preventDefault(); $("[data-close-sheet]").click(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input,select,textarea,button,a,summary")) return;
    if (e.key.length === 1 || e.key === "Enter") code.focus();
  });
})();
