/* Forms of returns: parts that belong to a choice, everything at once, and what another amount would do. */
"use strict";
document.querySelectorAll("[data-ask],[data-settle]").forEach((form) => {
  const parts = [...form.querySelectorAll("[data-part]")], radios = [...form.querySelectorAll("input[type=radio][data-shows]")];
  const fit = () => { const on = radios.find((r) => r.checked), shown = (on?.dataset.shows || "").split(" "); parts.forEach((p) => { p.hidden = !shown.includes(p.dataset.part); }); };
  radios.forEach((r) => r.addEventListener("change", fit));
  fit();
  form.querySelector("[data-all]")?.addEventListener("click", () => form.querySelectorAll("[data-most]").forEach((i) => { i.value = i.dataset.most; }));
  if (!form.dataset.preview) return;
  const credit = form.querySelector("[name=credit]"), problem = form.querySelector("[data-problem]");
  let timer = null, turn = 0;
  credit?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++turn, url = new URL(form.dataset.preview, location.href); url.searchParams.set("credit", credit.value);
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok || mine !== turn) return;
      const said = await answer.json();
      problem.hidden = !said.problem; problem.textContent = said.problem || "";
      for (const [name, [words, why]] of Object.entries(said.says || {})) {
        form.querySelector(`[data-says=${name}]`).textContent = words;
        const line = form.querySelector(`[data-why=${name}]`); line.textContent = why; line.hidden = !why; line.closest(".pick-one").classList.toggle("off", Boolean(why));
      }
    }, 250);
  });
});
