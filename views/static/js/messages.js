/* The editor of message words: placeholders put in by a press, the preview drawn as one types. */
"use strict";
(() => {
  const form = document.querySelector("[data-words]");
  if (!form) return;
  const $ = (what) => document.querySelector(what), list = $("[data-problems]");
  let timer = 0, turn = 0, last = form.querySelector("#body");
  form.addEventListener("focusin", (e) => { if (e.target.matches("#body, #subject")) last = e.target; });
  async function draw() {
    const mine = ++turn;
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } }).catch(() => null);
    if (mine !== turn || !answer?.ok) return;
    const found = await answer.json();
    list.hidden = !found.problems.length;
    list.replaceChildren(...found.problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    if (found.problems.length) return;
    $("[data-body]").textContent = found.body;
    if ($("[data-subject]")) $("[data-subject]").textContent = found.subject;
    $("[data-size]").textContent = found.size;
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(draw, 250); };
  form.addEventListener("input", soon);
  form.addEventListener("click", (e) => {
    const chip = e.target.closest("[data-word]");
    if (!chip) return;
    last.setRangeText(chip.dataset.word, last.selectionStart, last.selectionEnd, "end");
    last.focus();
    soon();
  });
  // a test is sent with what is saved; words that are not saved yet are still there afterwards
  const KEEP = "ruam.words", mine = [form.elements.subject, form.elements.body].filter(Boolean);
  document.addEventListener("submit", (e) => { if (e.target.elements.to && !e.defaultPrevented) sessionStorage.setItem(KEEP, JSON.stringify({ path: location.pathname, words: mine.map((f) => f.value) })); });
  const kept = JSON.parse(sessionStorage.getItem(KEEP) || "null");
  sessionStorage.removeItem(KEEP);
  if (kept?.path === location.pathname) mine.forEach((f, i) => { f.value = kept.words[i]; });
  draw();
})();
