/* A picking list walked with a phone: a scan or a tap ticks off, the server counts. */
"use strict";
(() => {
  const root = document.querySelector("[data-picking]");
  document.addEventListener("click", (e) => {
    const gone = e.target.closest("[data-missing]");
    if (!gone) return;
    document.querySelector("[data-missing-sku]").value = gone.dataset.missing;
    document.querySelector("[data-missing-name]").textContent = gone.dataset.name;
    const n = document.querySelector("[data-missing-n]"); n.max = gone.dataset.left; n.value = 1;
    document.getElementById("missing").showModal(); n.focus(); n.select();
  });
  if (!root) return;
  const { sound, post } = window.scanning;
  const code = root.querySelector("[data-code]"), box = root.querySelector("[data-say]"), line = box.querySelector("p"), seen = box.querySelector("[data-seen]");
  let stopped = false, chain = Promise.resolve();
  const fresh = () => (crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now());
  function tell(tone, text) { box.className = `floor-say ${tone}`; line.textContent = text; box.hidden = !text; stopped = tone === "stop"; seen.hidden = !stopped; }
  function show(said) {
    document.querySelector("[data-progress]").textContent = `${said.picked} / ${said.wanted}`;
    for (const row of said.rows) {
      const li = document.querySelector(`li[data-sku="${row.sku}"]`);
      if (!li) continue;
      li.querySelector("[data-n]").textContent = `${row.picked} / ${row.wanted}`;
      li.classList.toggle("done", row.left === 0); li.classList.toggle("at", row.sku === said.sku);
      for (const t of row.totes) li.querySelector(`[data-tote="${t.n}"]`)?.classList.toggle("full", t.picked >= t.wanted);
      const gone = li.querySelector("[data-missing]"); if (gone) gone.dataset.left = row.left;
      if (row.sku === said.sku) li.scrollIntoView({ block: "nearest" });
    }
  }
  const send = (facts) => {
    const scan = { key: fresh(), ...facts }; // sent again after a loss of the network it counts once
    chain = chain.then(async () => {
      for (let turn = 0; ; turn += 1) {
        try {
          const said = await post(root.dataset.url, root.dataset.token, scan);
          show(said);
          if (said.outcome !== "ok") { tell("stop", said.message); sound("stop"); }
          else { sound(said.finished ? "done" : "ok"); if (!stopped) tell(said.tote ? "ok" : "", said.tote ? root.dataset.tote.replace("{n}", said.tote) : ""); }
          if (said.finished) location.reload();
          return;
        } catch (problem) {
          tell("stop", root.dataset.failed); sound("stop");
          if (problem.gone || turn > 30) return;
          await new Promise((wait) => setTimeout(wait, 1500));
        }
      }
    });
  };
  const acknowledge = () => { tell("", ""); code.focus(); };
  root.querySelector("[data-scan-form]").addEventListener("submit", (e) => {
    e.preventDefault();
    const text = code.value.trim(); code.value = "";
    if (stopped) { if (!text || /^ruam-ok$/i.test(text)) acknowledge(); else sound("stop"); return; }
    if (text) send({ code: text });
  });
  seen.addEventListener("click", acknowledge);
  document.querySelector("[data-rows]").addEventListener("click", (e) => {
    const tick = e.target.closest("[data-tick]");
    if (!tick) return;
    const li = tick.closest("li"), [picked, wanted] = li.querySelector("[data-n]").textContent.split("/").map(Number);
    send({ sku: Number(li.dataset.sku), quantity: picked >= wanted ? -wanted : null });
  });
  document.addEventListener("keydown", (e) => {
    if (document.querySelector("dialog[open]") || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input,select,textarea,button,a,summary")) return;
    if (e.key.length === 1 || e.key === "Enter") code.focus();
  });
})();
