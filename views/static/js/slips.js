/* The review of a slip by keys. */
"use strict";
(() => {
  const $ = (s, e = document) => e.querySelector(s);

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
