/* The packing station. The server judges every scan; this page only shows what it said, and forgets nothing. */
"use strict";
(() => {
  const root = document.querySelector("[data-pack]");
  if (!root) return;
  const $ = (s, e = root) => e.querySelector(s), $$ = (s, e = root) => [...e.querySelectorAll(s)];
  const { sound, quiet, Queue, post, Camera } = window.scanning;
  const W = JSON.parse(root.dataset.words), say = (key, facts = {}) => Object.entries(facts).reduce((t, [k, v]) => t.replace(`{${k}}`, v), W[key] || key);
  const code = $("[data-code]"), line = $("[data-line]"), hint = $("[data-hint]"), box = $("[data-say]");
  const memory = (key, value) => (value === undefined ? localStorage.getItem(`ruam.pack.${key}`) : localStorage.setItem(`ruam.pack.${key}`, value));
  let station = memory("station") || "", place = Number(memory("place")) || 0;
  let desk = null, before = [], times = 0, stopped = false, chosen = 0, refused = null;

  // --- showing --------------------------------------------------------------------------------------
  const el = (tag, cls, text) => { const e = document.createElement(tag); if (cls) e.className = cls; if (text !== undefined) e.textContent = text; return e; };
  function tell(tone, text, more = "") {
    box.className = `st-say ${tone}`; line.textContent = text; hint.textContent = more; box.hidden = !text;
    $("[data-seen]").hidden = tone !== "stop"; $("[data-label-open]").hidden = true;
    root.classList.toggle("stopped", tone === "stop");
    stopped = tone === "stop";
  }
  function show(said) {
    const was = desk; desk = said.desk; before = said.before || before;
    $("[data-order]").hidden = !desk; $("[data-empty]").hidden = Boolean(desk);
    $("[data-empty-line]").textContent = say("scan_order"); $("[data-empty-hint]").textContent = say("scan_order_hint");
    $$("[data-act]").forEach((b) => { b.disabled = !desk; });
    if (!was || !desk || was.shipment !== desk.shipment) { chosen = 0; times = 0; }
    if (desk) showOrder();
    showSide(said.pace);
    code.placeholder = say(desk ? (desk.weigh ? "weigh" : "scan_item") : "scan_order");
    showTimes();
    if (desk?.stopped && !stopped) tell("stop", desk.stopped.message, say("seen"));
  }
  function showOrder() {
    const channels = $("[data-channels]"); channels.replaceChildren();
    for (const o of desk.orders) channels.append(Object.assign(el("span", `ch ch-${o.channel}`, o.channel_text)), " ");
    $("[data-number]").textContent = desk.orders.map((o) => o.number).join(" + ");
    $("[data-count]").textContent = `${desk.counted} / ${desk.wanted}`;
    const tote = $("[data-tote]"); tote.hidden = !desk.tote; tote.textContent = desk.tote;
    const notes = $("[data-notes]"); notes.replaceChildren();
    for (const o of desk.orders) if (o.note) { const n = el("p", "st-note"); n.append(el("b", "", say("note") + " "), o.note); notes.append(n); }
    const list = $("[data-items]"), rows = desk.items.map((it, i) => {
      const done = it.counted >= it.wanted, row = el("li", `st-item${done ? " done" : ""}${it.sku === desk.last ? " last" : ""}${i === chosen ? " chosen" : ""}`);
      const words = el("div"); words.append(el("b", "", `${done ? "✓ " : ""}${it.name}`), el("small", "", [it.option, ...it.sets.map((s) => say("in_set", { set: s }))].filter(Boolean).join(" · ")));
      const facts = el("div", "st-facts"); facts.append(el("span", "mono", it.code), el("span", "st-shelf", it.location));
      words.append(facts);
      const n = el("b", "st-n", `${it.counted} / ${it.wanted}`);
      row.append(words, n); row.dataset.sku = it.sku;
      if (desk.by_hand && !done) { row.tabIndex = -1; row.addEventListener("click", () => hand(i)); }
      return row;
    });
    list.replaceChildren(...rows);
    (list.querySelector(".last") || list.querySelector(".st-item:not(.done)"))?.scrollIntoView({ block: "nearest" });
  }
  function showSide(pace) {
    const mode = memory("labels") || "auto";
    $("[data-carrier]").textContent = desk ? [desk.carrier || say("no_carrier"), desk.service].filter(Boolean).join(" · ") : "–";
    $("[data-boxes]").textContent = desk ? desk.boxes.map((b) => [say("box", { n: b.n }), b.grams ? say("grams", { n: b.grams }) : ""].filter(Boolean).join(" ")).join(" · ") : "";
    showPhoto();
    $("[data-label-line]").textContent = say(desk?.labels.on ? "label_on" : { auto: "label_print", on: "label_on", later: "label_later" }[mode]);
    if (pace) {
      $("[data-packed]").textContent = pace.packed; $("[data-total]").textContent = say("of", { n: pace.total });
      $("[data-mine]").textContent = [say("mine", { n: pace.mine }), pace.misses ? say("misses", { n: pace.misses }) : say("no_misses")].join(" · ");
    }
    const list = $("[data-before]");
    list.replaceChildren(...before.map((b) => {
      const row = el("li"); row.append(el("span", "", `${b.packed ? "✓ " : ""}${b.number}`), el("small", "muted", b.packed ? [b.labels.on ? b.labels.tracking.join(" ") : "", b.photos ? say("photos", { n: b.photos }) : ""].filter(Boolean).join(" · ") : say("put_aside")));
      return row;
    }));
    if (!before.length) list.append(el("li", "muted", say("nothing_before")));
  }
  function showTimes() { const t = $("[data-times]"); t.hidden = times < 2; t.textContent = say("times", { n: times }); }

  // --- photos of the packed box: of what lies on the table, else of what was packed last ------------------
  const photo = $("[data-photo]"), photoLine = $("[data-photo-line]"), unsent = [];
  let sendingPhoto = false;
  const subject = () => desk ? { number: desk.number, url: desk.photo_url, n: desk.photos } : before.filter((b) => b.packed).map((b) => ({ number: b.number, url: b.photo_url, n: b.photos }))[0];
  function showPhoto() {
    const of = subject(), area = $("[data-photos]");
    area.hidden = !of;
    if (!of) return;
    $("[data-photo-word]").textContent = say("photo_of", { number: of.number });
    if (!sendingPhoto && !photoLine.dataset.refused) photoLine.textContent = unsent.length ? say("photo_waits", { n: unsent.length }) : of.n ? say("photos", { n: of.n }) : "";
  }
  async function sendPhotos() {
    if (sendingPhoto || !unsent.length) return;
    sendingPhoto = true;
    while (unsent.length) {
      const { file, url } = unsent[0], body = new FormData();
      body.append("file", file, "box.jpg");
      photoLine.textContent = say("photo_sending");
      let result = null;
      try { result = (await (await fetch(url, { method: "POST", headers: { Accept: "application/json", "X-CSRFToken": root.dataset.token }, body })).json()); } catch { break; }
      unsent.shift();
      const told = result.results?.[0];
      if (told?.ok) sound("ok"); else { photoLine.dataset.refused = "1"; photoLine.textContent = told?.text || result.error?.message || say("photo_failed"); sound("note"); }
    }
    sendingPhoto = false;
    if (unsent.length) { photoLine.textContent = say("photo_waits", { n: unsent.length }); setTimeout(sendPhotos, 5000); } // they wait here until there is a connection again
    else refresh();
  }
  photo.addEventListener("change", async () => {
    const of = subject(), taken = of ? [...photo.files] : [];
    delete photoLine.dataset.refused;
    code.focus();
    for (const file of taken) unsent.push({ file: new Blob([await file.arrayBuffer()], { type: file.type }), url: of.url }); // a phone throws its own copy away
    photo.value = "";
    sendPhotos();
  });

  // --- asking ---------------------------------------------------------------------------------------
  const net = $("[data-net]");
  const queue = new Queue(`ruam.pack.queue.${root.dataset.user}`, (scans) => post(root.dataset.scan, root.dataset.token, { station, warehouse: place, scans }), told, (q, problem) => {
    if (problem?.gone) { net.className = "pill bad"; net.replaceChildren(Object.assign(el("a", "", say("login")), { href: root.dataset.login })); return; }
    if (net.querySelector("a") && q.offline) return;
    const n = q.items.length;
    net.className = `pill ${q.offline ? "bad" : n ? "warn" : "ok"}`;
    net.textContent = q.offline && n ? say("offline", { n }) : q.slow ? say("slow") : n > 1 ? say("sending", { n }) : q.offline ? say("offline", { n: 0 }) : say("online");
  });
  function told(said) {
    const stop = said.answers.find((a) => a.stops && a.outcome !== "not_seen") || said.answers.find((a) => a.stops);
    const packed = said.answers.filter((a) => a.packed && !a.repeated), last = said.answers[said.answers.length - 1];
    if (last && last.outcome === "acknowledged") { tell("", ""); }
    show(said);
    for (const a of packed) finished(a);
    if (stop) { refused = stop; tell("stop", stop.message, say(stop.outcome === "somebody_else" ? "take_over" : "seen")); sound("stop"); return; }
    if (packed.length) return;
    if (!last) return;
    if (last.outcome !== "ok") { sound(last.outcome === "acknowledged" ? "ok" : "note"); if (last.message) tell("note", last.message); return; }
    sound("ok");
    if (!stopped) tell(last.message ? "note" : "", last.message || "");
  }
  function finished(answer) {
    const done = before.find((b) => b.id === answer.packed), mode = memory("labels") || "auto";
    sound("done");
    const number = done?.number || "";
    if (!done || done.labels.on || mode === "later") { tell("done", `${say("done")} ${number}`, done?.labels.on ? say("label_on") : ""); return; }
    if (mode === "auto" && done.label_url && touch) offerLabel(done);
    else if (mode === "auto" && done.label_url) print(done);
    else tell("warn", `${say("done")} ${number}`, say("label_none"));
  }
  // A phone does not print from a hidden frame: it opens the label in a page of its own, when asked by a finger.
  const touch = matchMedia("(pointer:coarse)").matches, opener = $("[data-label-open]");
  let printed = "", labelOf = null;
  function offerLabel(done) { tell("done", `${say("done")} ${done.number}`); labelOf = done; opener.hidden = false; }
  opener.addEventListener("click", () => {
    const sent = Object.assign(document.createElement("form"), { method: "post", action: labelOf.label_url, target: "_blank", hidden: true });
    sent.append(Object.assign(document.createElement("input"), { type: "hidden", name: "csrf_token", value: root.dataset.token }));
    document.body.append(sent); sent.submit(); sent.remove();
    opener.hidden = true; setTimeout(refresh, 3000);
  });
  async function print(done, reason = "") {
    tell("done", `${say("done")} ${done.number}`, say("printing", { number: done.number }));
    try {
      const answer = await fetch(done.label_url, { method: "POST", headers: { Accept: "application/pdf", "X-CSRFToken": root.dataset.token }, body: new URLSearchParams({ reason }) });
      if (answer.status === 409 && !reason && (await answer.clone().json()).error.code === "label_printed_before") {
        const why = window.prompt(say("why_again", { number: done.number }), "");
        code.focus();
        if (why?.trim()) await print(done, why.trim()); else tell("done", say("label_on"));
        return;
      }
      if (!answer.ok || !(answer.headers.get("Content-Type") || "").includes("pdf")) throw new Error(String(answer.status));
      const frame = $("[data-printer]"), address = URL.createObjectURL(await answer.blob());
      if (printed) URL.revokeObjectURL(printed); // the one frame holds one label
      printed = address;
      frame.onload = () => { try { frame.contentWindow.focus(); frame.contentWindow.print(); } catch { window.open(address); } code.focus(); };
      frame.src = address; root.dataset.printed = String(Number(root.dataset.printed || 0) + 1);
      refresh();
    } catch { tell("warn", `${say("done")} ${done.number}`, say("print_failed", { number: done.number })); sound("note"); }
  }
  async function refresh() {
    if (!station || !place) return;
    try {
      const url = new URL(root.dataset.state, location.href); url.searchParams.set("station", station); url.searchParams.set("warehouse", place);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok) show(await answer.json());
    } catch { queue.offline = true; }
  }

  // --- scanning -------------------------------------------------------------------------------------
  const send = (scan) => queue.add(scan);
  function seen() {
    if (!stopped) return;
    const onServer = Boolean(desk?.stopped) || queue.items.length;
    tell("", ""); refused = null;
    if (onServer) send({ kind: "ok" }); else sound("ok");
  }
  function take(raw) {
    const text = raw.trim(); code.value = "";
    if (!station || !place) { setup(); return; }
    if (!text) { seen(); return; }
    if (text === "?") { help(); return; }
    if (stopped && /^ruam-ok$/i.test(text)) { seen(); return; }
    if (stopped && !desk) { sound("stop"); return; } // nothing is open: the warning itself has to be seen first
    const many = text.match(/^(\d{1,4})\s*[*x×]\s*(.*)$/);
    if (many) { times = Number(many[1]); showTimes(); if (many[2]) take(many[2]); return; }
    const weight = text.match(/^(\d+(?:[.,]\d+)?)\s*(g|kg|กก|กรัม)$/i);
    const grams = weight ? Math.round(Number(weight[1].replace(",", ".")) * (/^(kg|กก)$/i.test(weight[2]) ? 1000 : 1)) : desk?.weigh && /^\d{1,6}$/.test(text) ? Number(text) : 0;
    if (grams) { send({ kind: "weight", quantity: grams, code: text }); return; }
    send({ code: text, quantity: Math.max(1, times) });
    times = 0; showTimes();
  }
  function hand(i) { const it = desk?.items[i]; if (!it || !desk.by_hand || it.counted >= it.wanted) return; chosen = i; send({ code: it.code, kind: "item", by_hand: true, quantity: Math.max(1, times) }); times = 0; showTimes(); code.focus(); }
  const acts = { undo: () => desk && send({ kind: "undo" }), box: () => desk && send({ kind: "box" }), aside: () => { if (desk) { tell("", ""); send({ kind: "aside" }); } }, over: () => { if (refused?.outcome === "somebody_else" && lastOpen) { tell("", ""); send({ kind: "take_over", code: lastOpen }); refused = null; } }, label: () => { const b = before.find((x) => x.packed); if (b?.label_url) print(b); } };
  let lastOpen = "";
  $("[data-scan-form]").addEventListener("submit", (e) => { e.preventDefault(); if (!desk && code.value.trim()) lastOpen = code.value.trim(); take(code.value); });
  $$("[data-act]").forEach((b) => b.addEventListener("click", () => { acts[b.dataset.act](); code.focus(); }));
  $("[data-seen]").addEventListener("click", () => { seen(); code.focus(); });
  const KEYS = { F2: "undo", F4: "box", F7: "over", F8: "aside", F9: "label" };
  document.addEventListener("keydown", (e) => {
    if (document.querySelector("dialog[open]")) return;
    if (e.key === "F6") { e.preventDefault(); if (subject()) photo.click(); return; }
    if (KEYS[e.key]) { e.preventDefault(); acts[KEYS[e.key]](); return; }
    if (e.key === "F1") { e.preventDefault(); help(); return; }
    if (e.key === "Escape") { code.value = ""; times = 0; showTimes(); code.focus(); return; }
    if (desk && !code.value && (e.key === "ArrowDown" || e.key === "ArrowUp")) { e.preventDefault(); root.classList.add("walking"); const n = desk.items.length; chosen = (chosen + (e.key === "ArrowDown" ? 1 : n - 1)) % n; showOrder(); return; }
    if (desk && !code.value && e.key === "+") { e.preventDefault(); hand(chosen); return; }
    if (e.key === "?" && !code.value) { e.preventDefault(); help(); return; }
    if (e.key === "Tab" || e.ctrlKey || e.metaKey || e.altKey) return;
    if (document.activeElement === code || e.target.closest("select,button,a")) return;
    if (e.key.length === 1 || e.key === "Enter") code.focus(); // a gun types wherever the eye is
    if (e.key === "Enter") { e.preventDefault(); take(code.value); }
  });

  // --- the station itself ------------------------------------------------------------------------------
  let wanted = new URLSearchParams(location.search).get("open"); // a page of an order or a shipment led here
  function openWanted() {
    if (!wanted || desk || stopped) return;
    lastOpen = wanted; wanted = ""; history.replaceState(null, "", location.pathname); take(lastOpen);
  }
  const help = () => document.getElementById("st-help").showModal();
  const named = () => { const option = document.querySelector(`#st-place option[value="${place}"]`); if (!option) place = 0; $("[data-station-name]").textContent = station && place ? `${station} · ${option.dataset.code}` : say("no_place"); };
  function setup() { document.getElementById("st-name").value = station || root.dataset.person; if (place) document.getElementById("st-place").value = String(place); document.getElementById("st-setup").showModal(); }
  $("[data-setup]").addEventListener("click", setup);
  $("[data-setup-form]").addEventListener("submit", () => { station = document.getElementById("st-name").value.trim(); place = Number(document.getElementById("st-place").value); memory("station", station); memory("place", place); named(); refresh().then(openWanted); setTimeout(() => code.focus(), 0); });
  $("[data-help]").addEventListener("click", help);
  const mode = $("[data-label-mode]"); mode.value = memory("labels") || "auto"; mode.addEventListener("change", () => { memory("labels", mode.value); showSide(null); code.focus(); });
  const muted = $("[data-mute]"), mark = () => { muted.setAttribute("aria-pressed", String(quiet.on)); muted.classList.toggle("off", quiet.on); };
  muted.addEventListener("click", () => { quiet.on = !quiet.on; mark(); if (!quiet.on) sound("ok"); code.focus(); }); mark();
  const eye = document.getElementById("st-camera"), seenLine = $("[data-camera-line]");
  const camera = new Camera($("[data-video]"), root.dataset.frame, root.dataset.token, (text) => { seenLine.textContent = text; if (!desk) lastOpen = text; take(text); }, seenLine);
  $("[data-camera]").addEventListener("click", async () => { eye.showModal(); seenLine.textContent = say("camera_on"); if (!(await camera.start())) seenLine.textContent = say("camera_denied"); });
  eye.addEventListener("close", () => { camera.stop(); code.focus(); });
  // where a dialog gives the focus back by itself, Chromium forgets the caret with it: the first scan would be typed into nothing
  document.querySelectorAll("dialog").forEach((d) => d.addEventListener("close", () => { code.focus(); code.setSelectionRange(code.value.length, code.value.length); }));
  if (matchMedia("(pointer:coarse)").matches) { code.inputMode = "none"; code.addEventListener("pointerdown", () => { code.inputMode = "text"; }); code.addEventListener("blur", () => { code.inputMode = "none"; }); } // a phone's keyboard opens only when asked for
  named(); show({ desk: null, before: [], pace: null }); code.focus();
  if (station && place) refresh().then(openWanted); else setup();
})();
