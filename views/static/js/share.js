/* A message to copy whose link does not exist yet: make it, put the message on the clipboard, show the link. */
"use strict";
document.addEventListener("submit", (e) => {
  const form = e.target.closest("form[data-copy-made]");
  if (!form || !window.ClipboardItem || !navigator.clipboard) return;
  e.preventDefault();
  e.stopImmediatePropagation();
  const made = fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } })
    .then((answer) => { if (!answer.ok || answer.redirected) throw new Error("refused"); return answer.json(); })
    .then((found) => new Blob([found.text], { type: "text/plain" }));
  navigator.clipboard.write([new ClipboardItem({ "text/plain": made })])
    .then(() => location.reload(), () => form.submit());
}, true);
