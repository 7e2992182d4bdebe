/* The receiving station. The server decides what a code means and what becomes stock; this page counts, and forgets nothing. */
"use strict";
(() => {
  const root = document.querySelector("[data-receive]");
  if (!root) return;
  const $ = (s, e = root) => e.querySelector(s), $$ = (s, e = root) => [...e.querySelectorAll(s)];
  const { sound, quiet, post, Camera } = window.scanning;
  const W = JSON.parse(root.dataset.words), say = (key, facts = {}) => Object.entries(facts).reduce((t, [k, v]) => t.replace(`{${k}}`, v), W[key] || key);
  const el = (tag, cls, text) => { const e = document.createElement(tag); if (cls) e.className = cls; if (text !== undefined) e.textContent = text; return e; };
  const MODES = ["resell", "repair", "damaged", "wrong"];
  const place = $("[data-place]"), code = $("[data-code]"), box = $("[data-say]"), line = $("[data-line]");
  let opened = null, mode = "resell", tally = {}, story = [], sure = false, busy = false, waiting = [], done = [];

  // --- what is counted is kept in the browser, per return --------------------------------------------
  const shelf = (id) => `ruam.receive.${root.dataset.user}.${id}`;
  const keep = () => { if (opened) localStorage.setItem(shelf(opened.id), JSON.stringify({ tally, story, version: opened.version, reason: $("[data-reason]").value })); };
  function restore() {
    tally = {}; story = [];
    for (const it of opened.items) tally[it.line] = Object.fromEntries(MODES.map((m) => [m, 0]));
    try { const kept = JSON.parse(localStorage.getItem(shelf(opened.id))); if (kept?.version === opened.version) { Object.assign(tally, kept.tally); story = kept.story || []; opened.reason = kept.reason || opened.reason; } } catch { /* nothing was kept */ }
  }
  const of = (it) => MODES.reduce((n, m) => n + (tally[it.line]?.[m] || 0), 0);
  const wanted = () => opened.items.reduce((n, it) => n + it.wanted, 0), counted = () => opened.items.reduce((n, it) => n + of(it), 0);

  // --- showing ---------------------------------------------------------------------------------------
  function tell(tone, text, choices = []) {
    box.className = `st-say ${tone}`; line.textContent = text; box.hidden = !text; root.classList.toggle("stopped", tone === "stop");
    $("[data-choices]").replaceChildren(...choices.map((c) => { const b = el("button", "btn", c); b.type = "button"; b.addEventListener("click", () => parcel(c)); return b; }));
  }
  function setMode(name, loud = true) {
    mode = name;
    $$("[data-mode]").forEach((b) => b.setAttribute("aria-checked", String(b.dataset.mode === name)));
    if (loud && opened) tell(name === "resell" ? "" : "note", name === "resell" ? "" : say("mode", { condition: $(`[data-mode=${name}]`).textContent.replace(/^\d/, "") }));
    code.focus();
  }
  function show() {
    $("[data-open-return]").hidden = !opened; $("[data-empty]").hidden = Boolean(opened);
    $("[data-empty-line]").textContent = say("scan_parcel"); $("[data-empty-hint]").textContent = say("scan_parcel_hint");
    code.placeholder = say(opened ? "scan_piece" : "scan_parcel");
    if (opened) showReturn();
    $("[data-waiting]").replaceChildren(...(waiting.length ? waiting.map((w) => {
      const row = el("li", opened?.id === w.id ? "at" : ""), b = el("button", "link", w.number); b.type = "button"; b.addEventListener("click", () => open(w.id));
      row.append(b, el("small", "muted", [w.name, w.age].filter(Boolean).join(" · "))); return row;
    }) : [el("li", "muted", say("nothing_waits"))]));
    $("[data-done]").replaceChildren(...done.slice(0, 6).map((d) => { const row = el("li"), a = el("a", "", `✓ ${d.number}`); a.href = d.url; row.append(a, el("small", "muted", d.text)); return row; }));
    root.querySelector(".rc-done").hidden = !done.length;
  }
  function showReturn() {
    $("[data-number]").textContent = opened.number; $("[data-about]").textContent = [opened.order, opened.name, opened.reason_text].join(" · ");
    $("[data-counted]").textContent = say("of", { n: counted(), m: wanted() });
    const note = $("[data-note]"); note.hidden = !opened.note; note.textContent = opened.note;
    const reasons = $("[data-reason-box]"), pick = $("[data-reason]"); reasons.hidden = !opened.reasons.length;
    if (pick.dataset.of !== String(opened.id)) { pick.dataset.of = opened.id; pick.replaceChildren(...opened.reasons.map(([v, t]) => { const o = el("option", "", t); o.value = v; return o; })); pick.value = opened.reason; }
    $("[data-items]").replaceChildren(...opened.items.map((it) => {
      const mine = tally[it.line], n = of(it), last = story.at(-1)?.line === it.line;
      const row = el("li", `st-item${n === it.wanted ? " full" : n > it.wanted ? " over" : ""}${last ? " last" : ""}`), words = el("div");
      words.append(el("b", "", it.name), el("small", "mono", [it.code, it.option].filter(Boolean).join(" · ")));
      const grades = el("div", "rc-grades");
      for (const m of MODES) {
        const cell = el("span", `rc-grade rc-${m}${mine[m] ? " some" : ""}`), less = el("button", "btn s", "−"), more = el("button", "btn s", "+");
        less.type = more.type = "button"; less.disabled = !mine[m];
        const name = $(`[data-mode=${m}]`).textContent.replace(/^\d/, "");
        less.setAttribute("aria-label", `− ${name}: ${it.name}`); more.setAttribute("aria-label", `+ ${name}: ${it.name}`);
        less.addEventListener("click", () => count(it, m, -1)); more.addEventListener("click", () => count(it, m, 1));
        cell.append(less, el("b", "", String(mine[m])), more, el("small", "", name)); grades.append(cell);
      }
      words.append(grades); row.append(words, el("b", "st-n", `${n} / ${it.wanted}`)); return row;
    }));
    $("[data-items] .last")?.scrollIntoView({ block: "nearest" });
  }
  function count(it, m, by) {
    if (tally[it.line][m] + by < 0) return;
    tally[it.line][m] += by; sure = false;
    if (by > 0) story.push({ line: it.line, mode: m }); else { const i = story.findLastIndex((x) => x.line === it.line && x.mode === m); if (i >= 0) story.splice(i, 1); }
    keep(); show();
    if (by > 0 && of(it) > it.wanted) { tell("warn", say("too_many")); sound("note"); } else { tell("", ""); sound(counted() === wanted() ? "done" : "ok"); }
    code.focus();
  }
  function undo() { const last = story.at(-1), it = last && opened?.items.find((x) => x.line === last.line); if (it) count(it, last.mode, -1); }

  // --- asking ----------------------------------------------------------------------------------------
  async function ask(url, body) {
    if (busy) return null;
    busy = true; root.classList.add("asking");
    try { return await post(url, root.dataset.token, body); }
    catch (problem) { sound("stop"); if (problem.gone) { tell("stop", say("login")); const a = el("a", "btn", "→"); a.href = root.dataset.login; $("[data-choices]").append(a); } else tell("stop", say("network")); return null; }
    finally { busy = false; root.classList.remove("asking"); code.focus(); }
  }
  function take(said) { waiting = said.waiting || waiting; if (said.opened && said.opened.status === "received") { opened = said.opened; restore(); setMode("resell", false); sure = false; } show(); }
  async function parcel(text) {
    const said = await ask(root.dataset.scan, { code: text, warehouse: Number(place.value) });
    if (!said) return;
    const bad = { unknown: "warn", refused: "stop", product: "note", choose: "warn", done_before: "note", again: "note" }[said.outcome];
    take(said);
    const more = said.mates?.length > 1 ? ` · ${say("several", { n: said.mates.length })}` : "";
    tell(bad || "done", said.message + more, said.choices || []);
    sound({ received: "done", again: "note", done_before: "note", product: "note", choose: "note", unknown: "stop" }[said.outcome] || "stop");
  }
  function item(text) {
    const low = text.toLowerCase(), hits = opened.items.filter((it) => it.codes.some((c) => c.toLowerCase() === low));
    const hit = hits.find((it) => of(it) < it.wanted) || hits[0];
    if (hit) { count(hit, mode, 1); return; }
    const other = waiting.find((w) => w.number.toLowerCase() === low);
    if (other) { open(other.id); return; }
    tell("stop", say("not_inside", { code: text, number: opened.number })); sound("stop");
  }
  async function open(id) {
    try {
      const url = new URL(root.dataset.state, location.href); url.searchParams.set("warehouse", place.value); if (id) url.searchParams.set("return", id);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const said = await answer.json(); if (id) opened = null;
      tell("", ""); take(said);
    } catch { tell("stop", say("network")); }
    code.focus();
  }
  async function finish() {
    if (!opened) return;
    const missing = wanted() - counted();
    if (missing > 0 && !sure) { sure = true; tell("warn", counted() ? say("rest_missing", { n: missing }) : say("nothing")); sound("note"); return; }
    const counts = { version: String(opened.version) };
    for (const it of opened.items) for (const m of MODES) counts[`${m}-${it.line}`] = String(tally[it.line][m]);
    const reason = $("[data-reason-box]").hidden ? "" : $("[data-reason]").value;
    const said = await ask(root.dataset.count, { return: opened.id, counts, reason, note: $("[data-note-input]").value });
    if (!said) return;
    if (said.outcome !== "counted") { tell("stop", said.message); sound("stop"); return; }
    localStorage.removeItem(shelf(opened.id));
    const sum = (m) => said.opened.items.reduce((n, it) => n + it[m], 0), bad = sum("repair") + sum("damaged");
    done.unshift({ number: said.opened.number, url: said.opened.url, text: [`${sum("resell")} ${say("good")}`, bad ? `${bad} ${say("bad")}` : "", sum("missing") ? `${sum("missing")} ${say("missing")}` : ""].filter(Boolean).join(" · ") });
    const number = opened.number; opened = null; waiting = said.waiting; $("[data-note-input]").value = ""; root.dataset.finished = String(Number(root.dataset.finished || 0) + 1);
    show(); tell("done", say("counted", { number })); sound("done");
  }
  function aside() { if (!opened) return; opened = null; tell("", ""); show(); code.focus(); }

  // --- hands -----------------------------------------------------------------------------------------
  const grade = (typed) => { const i = "1234".indexOf(typed), j = "ๅ/-ภ".indexOf(typed); return typed.length === 1 ? MODES[i >= 0 ? i : j] : undefined; }; // also on a Thai keyboard
  $("[data-scan-form]").addEventListener("submit", (e) => {
    e.preventDefault();
    const text = code.value.trim(); code.value = "";
    if (!text) { if (opened && sure) finish(); return; }
    if (opened && grade(text)) { setMode(grade(text)); return; }
    if (opened) item(text); else parcel(text);
  });
  addEventListener("keydown", (e) => {
    const key = e.key;
    if (key === "F2") { e.preventDefault(); undo(); }
    else if (key === "F8") { e.preventDefault(); aside(); }
    else if (key === "F9") { e.preventDefault(); finish(); }
    else if (key === "Escape" && document.activeElement === code) { code.value = ""; sure = false; tell("", ""); }
    else if (key === "?" && !code.value) { e.preventDefault(); document.getElementById("rc-help").showModal(); }
    else if (opened && !code.value && document.activeElement === code && grade(key) && !e.ctrlKey && !e.metaKey && !e.altKey) { pending = { key, at: Date.now() }; }
  });
  let pending = null; // a lone digit is a condition; a gun types on within a moment
  code.addEventListener("input", () => { const typed = code.value; if (typed.length === 1 && pending?.key === typed && opened) { const mine = pending; setTimeout(() => { if (pending === mine && code.value === typed) { code.value = ""; setMode(grade(typed)); } }, 180); } else pending = null; });
  $$("[data-mode]").forEach((b) => b.addEventListener("click", () => setMode(b.dataset.mode)));
  $("[data-reason]").addEventListener("change", () => { keep(); code.focus(); });
  $("[data-finish]").addEventListener("click", finish); $("[data-aside]").addEventListener("click", aside);
  $("[data-help]").addEventListener("click", () => document.getElementById("rc-help").showModal());
  place.value = localStorage.getItem("ruam.receive.place") || place.value; if (!place.value && place.options.length) place.selectedIndex = 0;
  place.addEventListener("change", () => { localStorage.setItem("ruam.receive.place", place.value); opened = null; open(0); });
  const muted = $("[data-mute]"), mark = () => { muted.setAttribute("aria-pressed", String(quiet.on)); muted.classList.toggle("off", quiet.on); };
  muted.addEventListener("click", () => { quiet.on = !quiet.on; mark(); if (!quiet.on) sound("ok"); code.focus(); }); mark();
  const eye = document.getElementById("rc-camera"), seen = $("[data-camera-line]");
  const camera = new Camera($("[data-video]"), root.dataset.frame, root.dataset.token, (text) => { seen.textContent = text; if (opened) item(text); else parcel(text); }, seen);
  $("[data-camera]").addEventListener("click", async () => { eye.showModal(); seen.textContent = say("camera_on"); if (!(await camera.start())) seen.textContent = say("camera_denied"); });
  eye.addEventListener("close", () => { camera.stop(); code.focus(); });
  root.querySelectorAll("dialog").forEach((d) => d.addEventListener("close", () => code.focus()));
  show(); code.focus(); open(Number(new URLSearchParams(location.search).get("return")) || 0);
})();
