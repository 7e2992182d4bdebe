/* Files sent one by one as they are dropped, pasted, chosen or taken with a camera: two at a time, each with its own bar
   and its own answer. Forms marked data-uploads; without a script they post as they are. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);
  const takers = [];
  for (const form of document.querySelectorAll("form[data-uploads]")) {
    form.classList.add("quick");
    const zone = $("[data-drop]", form), input = $("input[type=file][name=file]", form), camera = $("[data-camera]", form), list = $("[data-sent]", form);
    const waiting = [];
    let busy = 0, arrived = 0, refused = 0;
    const say = (row, tone, text) => { row.className = tone; $("small", row).textContent = text; $("progress", row)?.remove(); if (tone === "danger") refused += 1; };
    const send = (file, row) => new Promise((done) => {
      const body = new FormData(form), ask = new XMLHttpRequest(), bar = $("progress", row);
      body.delete("file"); body.append("file", file, file.name || "picture.png");
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
    // when everything has arrived the page shows it; when something was refused its sentence stays to be read
    const finished = () => { if (!form.dataset.reload || refused) return; location.hash = form.dataset.reload; location.reload(); };
    const next = async () => {
      if (busy >= 2 || !waiting.length) { if (!busy && !waiting.length && arrived) { arrived = 0; finished(); } return; }
      busy += 1;
      const [file, row] = waiting.shift();
      await send(file, row); busy -= 1; next();
    };
    const take = (files) => {
      refused = 0;
      for (const file of files) {
        const row = document.createElement("li");
        row.appendChild(document.createElement("b")).textContent = file.name || "picture.png";
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
    takers.push({ form, take });
  }
  // what is pasted goes to the form that is open; of several, to the first on the page
  document.addEventListener("paste", (e) => {
    const files = [...(e.clipboardData?.files || [])], open = takers.find((t) => t.form.offsetParent !== null && !t.form.closest("details:not([open])"));
    if (files.length && open) { e.preventDefault(); open.take(files); }
  });
})();
