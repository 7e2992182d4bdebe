/* Parked orders: one button copies the reminders of all ticked rows, a rule between them. */
"use strict";
document.addEventListener("change", (e) => {
  const button = document.querySelector("[data-copy-words]");
  if (!button || !e.target.closest("form[data-bulk]")) return;
  const ticked = [...document.querySelectorAll("input[name=rowid]:checked[data-words]")];
  button.dataset.copy = ticked.map((box) => box.dataset.words).join("\n\n––––––––––\n\n");
});
