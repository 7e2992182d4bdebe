/* Provinces of a rule: a whole region at once, and how many of it are ticked. */
"use strict";
(() => {
  for (const region of document.querySelectorAll("[data-region]")) {
    const boxes = [...region.querySelectorAll("input[type=checkbox]")];
    const count = region.querySelector("[data-region-count]");
    const tell = () => { count.textContent = `${boxes.filter((b) => b.checked).length}/${boxes.length}`; };
    region.querySelector("[data-region-all]").addEventListener("click", () => {
      const on = !boxes.every((b) => b.checked);
      for (const box of boxes) box.checked = on;
      tell();
    });
    region.addEventListener("change", tell);
  }
})();
/* Sharing out by hand: each row says how many are still missing or too many. */
(() => {
  for (const row of document.querySelectorAll("[data-sum]")) {
    const off = row.querySelector("[data-sum-off]"), inputs = [...row.querySelectorAll("input")];
    const tell = () => {
      const left = Number(row.dataset.sum) - inputs.reduce((n, i) => n + (Number(i.value) || 0), 0);
      off.hidden = left === 0;
      off.textContent = left > 0 ? `−${left}` : `+${-left}`;
    };
    row.addEventListener("input", tell);
    tell();
  }
})();
