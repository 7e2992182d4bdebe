/* Order lists by keyboard: j and k move, x ticks, Enter opens. A dialog named in the address opens by itself. */
"use strict";
(() => {
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  let at = -1;
  const typing = (e) => e.target.closest("input:not([type=checkbox]),textarea,select,[contenteditable]");
  function go(to) {
    if (!rows.length) return;
    rows[at]?.classList.remove("at");
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows[at].classList.add("at");
    rows[at].scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e) || document.querySelector("dialog[open]")) return;
    if (e.key === "j" || e.key === "k") { e.preventDefault(); go(at + (e.key === "j" ? 1 : -1)); return; }
    if (at < 0) return;
    if (e.key === "x") { e.preventDefault(); rows[at].querySelector("input[name=rowid]")?.click(); }
    if (e.key === "Enter" && !e.target.closest("a,button,summary,input")) { e.preventDefault(); location.href = rows[at].dataset.href; }
  });
  const named = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (named?.tagName === "DIALOG") { named.showModal(); named.querySelector("select,input:not([type=hidden]),textarea")?.focus(); }
})();
document.addEventListener("click", (e) => {
  if (e.target.closest("[data-print]")) { e.preventDefault(); window.print(); }
  if (e.target.closest("a[data-open]")) e.preventDefault();
});
