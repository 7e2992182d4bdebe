/* Answer a customer: what is found shows while one types; arrows choose, Enter copies, Ctrl+Enter opens the order. */
"use strict";
(() => {
  const form = document.querySelector("[data-answer]");
  if (!form) return;
  const box = form.querySelector("input[name=q]"), area = document.querySelector("[data-answers]");
  let timer = 0, asked = 0, at = 0;
  const cards = () => [...area.querySelectorAll("[data-card]")];
  function mark(to) {
    const all = cards();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, to));
    all.forEach((card, i) => card.classList.toggle("at", i === at));
    all[at].scrollIntoView({ block: "nearest" });
  }
  async function find() {
    const turn = ++asked, text = box.value.trim();
    const url = new URL(form.action);
    url.searchParams.set("q", text);
    history.replaceState(null, "", url);
    url.searchParams.set("part", "1");
    const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
    if (turn !== asked || !answer) return;
    if (!answer.ok || answer.redirected) { location.reload(); return; }
    area.innerHTML = await answer.text();
    at = 0; mark(0);
  }
  box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
  form.addEventListener("submit", (e) => e.preventDefault());
  box.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); mark(at + (e.key === "ArrowDown" ? 1 : -1)); }
    if (e.key === "Enter") {
      e.preventDefault();
      const card = cards()[at];
      if (!card) { clearTimeout(timer); find(); return; }
      if (e.ctrlKey || e.metaKey) location.href = card.dataset.href;
      else card.querySelector("[data-copy-line]")?.click();
    }
    if (e.key === "Escape" && box.value) { e.preventDefault(); box.value = ""; find(); }
  });
  box.focus(); box.setSelectionRange(box.value.length, box.value.length);
  mark(0);
})();
