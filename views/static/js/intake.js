/* The upload form: a drop zone that shows what was chosen, and fields that belong to one kind of file. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-intake]");
  if (!form) return;
  const zone = form.querySelector("[data-drop]"), input = zone.querySelector("input[type=file]"), text = zone.querySelector("[data-drop-text]");
  const kind = form.querySelector("[data-kind]");
  const name = () => { if (input.files.length) { text.textContent = input.files[0].name; zone.classList.add("full"); } };
  const fields = () => form.querySelectorAll("[data-for]").forEach((x) => {
    x.hidden = !x.dataset.for.split(" ").includes(kind.value);
    x.querySelectorAll("select,input").forEach((f) => { f.disabled = x.hidden; });
  });
  input.addEventListener("change", name);
  kind.addEventListener("change", fields);
  ["dragenter", "dragover"].forEach((e) => zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.add("over"); }));
  ["dragleave", "drop"].forEach((e) => zone.addEventListener(e, (ev) => { ev.preventDefault(); zone.classList.remove("over"); }));
  zone.addEventListener("drop", (e) => { if (e.dataTransfer.files.length) { input.files = e.dataTransfer.files; name(); } });
  name();
  fields();
})();
