/* The fee a rate table proposes for the order being typed; a press takes it over. */
"use strict";
(() => {
  const hint = document.querySelector("[data-fee]"), form = hint?.closest("form");
  if (!form) return;
  const text = hint.querySelector("[data-fee-text]"), take = hint.querySelector("[data-fee-take]"), box = form.querySelector("#shipping_fee");
  let timer = 0, turn = 0, fee = "";
  async function ask() {
    const mine = ++turn;
    const answer = await fetch(hint.dataset.fee, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } }).catch(() => null);
    if (mine !== turn || !answer?.ok) return;
    const found = await answer.json();
    fee = found.fee;
    text.textContent = found.text;
    hint.hidden = !found.text;
    take.hidden = !fee || fee === box.value;
    take.querySelector("b").textContent = found.shown || "";
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(ask, 450); };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("focusout", soon);
  take.addEventListener("click", () => { box.value = fee; box.dispatchEvent(new Event("input", { bubbles: true })); take.hidden = true; });
  soon();
})();
