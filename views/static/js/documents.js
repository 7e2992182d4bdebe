/* Documents: draws the paper beside its form, anew a moment after something was typed. */
"use strict";
(() => {
  const form = document.querySelector("form[data-paper]");
  if (!form || !form.dataset.paper) return;
  const pages = document.querySelector("[data-paper-pages]"), notes = document.querySelector("[data-paper-notes]");
  let timer = 0, turn = 0;
  const note = (tone, text) => {
    const box = notes.appendChild(Object.assign(document.createElement("div"), { className: "note " + tone }));
    box.appendChild(document.createElement("div")).textContent = text;
  };
  async function draw() {
    const mine = ++turn;
    pages.setAttribute("aria-busy", "true");
    let said;
    try {
      const answer = await fetch(form.dataset.paper, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      said = await answer.json();
    } catch { return; }
    if (mine !== turn) return;
    pages.removeAttribute("aria-busy");
    notes.replaceChildren();
    if (said.error) return note("bad", said.error.message);
    said.problems.forEach((p) => note("bad", p.text));
    said.warnings.forEach((text) => note("warn", text));
    if (said.pages.length) pages.replaceChildren(...said.pages.map((src, i) => Object.assign(document.createElement("img"), { className: "paper", src, alt: String(i + 1) })));
    else if (!pages.querySelector("img")) pages.replaceChildren();
  }
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(draw, 500); });
  draw();
})();
