/* Label files: the print dialog opens by itself. Waybills: files are sent one by one, each with its own answer. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);

  // --- the file in its frame ------------------------------------------------------------
  const frame = $("[data-paper]");
  if (frame) {
    let printed = 0;
    const print = () => {
      try { frame.contentWindow.focus(); frame.contentWindow.print(); printed += 1; document.documentElement.dataset.printed = String(printed); }
      catch { window.open(frame.src); }
    };
    frame.addEventListener("load", () => { if (!printed) setTimeout(print, 300); });
    $("[data-print-now]").addEventListener("click", print);
  }

  // --- waybills ---------------------------------------------------------------------------
  const form = $("form[data-waybills]");
  if (!form) return;
  const zone = $("[data-drop]", form), input = $("input[type=file]", form), list = $("[data-sent]", form);
  const waiting = [];
  let busy = false, arrived = 0;
  $("[data-plain]", form).hidden = true;
  const next = async () => {
    if (busy) return;
    const [file, row] = waiting.shift() || [];
    if (!file) { if (arrived) location.reload(); return; }
    busy = true;
    const body = new FormData(form);
    body.delete("file"); body.append("file", file, file.name);
    const note = $("small", row);
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
      const told = await answer.json(), result = told.results?.[0];
      note.textContent = result ? result.text : told.error?.message || form.dataset.failed;
      row.className = result?.ok ? "success" : "danger";
      if (result?.ok) arrived += 1; else arrived = -1e9;
    } catch { note.textContent = form.dataset.failed; row.className = "danger"; arrived = -1e9; }
    busy = false;
    next();
  };
  const take = (files) => {
    for (const file of files) {
      const row = document.createElement("li");
      row.appendChild(document.createElement("b")).textContent = file.name;
      row.append(" ");
      row.appendChild(document.createElement("small")).textContent = form.dataset.sending;
      list.append(row); waiting.push([file, row]);
    }
    next();
  };
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  for (const e of ["dragenter", "dragover"]) zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.add("over"); });
  for (const e of ["dragleave", "drop"]) zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.remove("over"); });
  zone.addEventListener("drop", (e) => take([...e.dataTransfer.files]));
})();
