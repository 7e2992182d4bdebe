/* Slips: pictures sent one by one as they are dropped, pasted or taken; and the review of a slip by keys. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);

  // --- sending: two at a time, each with its own bar and its own answer ----------------
  const form = $("form[data-slips]");
  if (form) {
    form.classList.add("quick");
    const zone = $("[data-drop]", form), input = $("input[type=file][name=file]", form), camera = $("[data-camera]", form), list = $("[data-sent]", form);
    const waiting = [];
    let busy = 0, arrived = 0;
    const say = (row, tone, text) => { row.className = tone; $("small", row).textContent = text; $("progress", row)?.remove(); };
    const send = (file, row) => new Promise((done) => {
      const body = new FormData(form), ask = new XMLHttpRequest(), bar = $("progress", row);
      body.delete("file"); body.append("file", file, file.name || "slip.png");
      ask.upload.addEventListener("progress", (e) => { bar.max = e.total; bar.value = e.loaded; });
      ask.addEventListener("loadend", () => {
        let answer = null;
        try { answer = JSON.parse(ask.responseText); } catch { answer = null; }
        const result = answer?.results?.[0];
        if (result) { say(row, result.ok ? result.tone : "danger", result.text); if (result.url) { const link = row.appendChild(document.createElement("a")); link.href = result.url; link.textContent = "→"; } if (result.ok) arrived += 1; }
        else say(row, "danger", answer?.error?.message || answer?.message || form.dataset.failed);
        done();
      });
      ask.open("POST", form.action); ask.setRequestHeader("Accept", "application/json"); ask.send(body);
    });
    const next = async () => {
      if (busy >= 2 || !waiting.length) { if (!busy && !waiting.length && arrived) { arrived = 0; form.dispatchEvent(new CustomEvent("slips-sent", { bubbles: true })); } return; }
      busy += 1;
      const [file, row] = waiting.shift();
      await send(file, row); busy -= 1; next();
    };
    const take = (files) => {
      for (const file of files) {
        const row = document.createElement("li");
        row.appendChild(document.createElement("b")).textContent = file.name || "slip.png";
        row.appendChild(document.createElement("small")).textContent = form.dataset.sending;
        list.prepend(row);
        if (file.size > Number(form.dataset.limit) * 1048576) { say(row, "danger", form.dataset.tooLarge); continue; }
        row.appendChild(document.createElement("progress")).max = 1;
        waiting.push([file, row]);
      }
      next(); next();
    };
    for (const field of [input, camera]) field?.addEventListener("change", () => { take([...field.files]); field.value = ""; });
    for (const e of ["dragenter", "dragover"]) zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.add("over"); });
    for (const e of ["dragleave", "drop"]) zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.remove("over"); });
    zone.addEventListener("drop", (e) => take([...e.dataTransfer.files]));
    document.addEventListener("paste", (e) => { const files = [...(e.clipboardData?.files || [])]; if (files.length) { e.preventDefault(); take(files); } });
  }

  // --- the review: keys, zoom, turn ----------------------------------------------------
  const review = $("[data-review]");
  const frame = $("[data-frame]");
  const zoom = () => frame?.classList.toggle("large");
  let turned = 0;
  const turn = () => { if (!frame) return; frame.classList.remove(`turn${turned}`); turned = (turned + 1) % 4; if (turned) frame.classList.add(`turn${turned}`); };
  $("[data-zoom]")?.addEventListener("click", zoom);
  $("[data-picture]")?.addEventListener("click", zoom);
  $("[data-turn]")?.addEventListener("click", turn);
  $("#attach-find")?.addEventListener("picked", (e) => { const f = e.target.closest("form"); if (f && !$("[value=add]", f)) f.requestSubmit($("[value=put]", f)); });
  const plain = (e) => !(e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input,textarea,select,[contenteditable]"));
  document.addEventListener("keydown", (e) => {
    const dialog = $("dialog[open]");
    if (dialog?.id === "reject" && plain(e) && /^[1-9]$/.test(e.key)) { const b = $(`[data-reason="${e.key}"]`, dialog); if (b) { e.preventDefault(); b.click(); } return; }
    if (dialog || !plain(e)) return;
    const free = !e.target.closest("a,button,summary,label");
    const press = (target) => { if (target) { e.preventDefault(); e.stopImmediatePropagation(); target.click(); } };
    if (e.key === "Enter" && free) press($("[data-enter]"));
    else if (e.key === "ArrowRight") press($("[data-right]"));
    else if (e.key === "ArrowLeft") press($("[data-left]"));
    else if (/^[1-5]$/.test(e.key)) press($(`[data-pick="${e.key}"]`));
    else if (review && e.key === "/") { const find = $("#attach-find"); if (find) { e.preventDefault(); e.stopImmediatePropagation(); find.focus(); } }
    else if (review && e.key.toLowerCase() === "a") { const amount = $("#amount"); if (amount) { e.preventDefault(); amount.focus(); amount.select(); } }
    else if (review && e.key === "+") { e.preventDefault(); zoom(); }
    else if (review && e.key.toLowerCase() === "t") { e.preventDefault(); turn(); }
  }, true);
})();
