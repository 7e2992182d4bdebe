/* Counting by scanner: every scan is kept on the server at once, in the order it was made. */
"use strict";
(() => {
  const box = document.querySelector("[data-count-scan]");
  if (!box) return;
  const scan = box.querySelector("[data-scan]"), said = box.querySelector("[data-scan-said]");
  const tell = (text, bad) => { said.textContent = text; said.classList.toggle("t-bad", !!bad); };
  async function scanned(typed) {
    const times = /^(\d{1,4})\s*[*x×]\s*(\S.*)$/i.exec(typed), body = new FormData();
    body.set("csrf_token", box.dataset.token); body.set("code", times ? times[2] : typed); body.set("pieces", times ? times[1] : "1");
    let answer;
    try { answer = await (await fetch(box.dataset.countScan, { method: "POST", body, headers: { Accept: "application/json" } })).json(); } catch { tell(typed, true); return; }
    if (!answer.ok) { tell(answer.text || answer.error?.message || typed, true); return; }
    tell(`${answer.code} ${answer.name}: ${answer.counted} · ${answer.done}`);
    const left = document.querySelector("[data-left]");
    if (left) left.textContent = answer.left;
    const row = document.querySelector(`tr[data-sku="${answer.sku}"]`), count = row?.querySelector("[data-count]");
    if (count) { count.value = answer.counted; row.querySelector("[data-was]").value = answer.counted; row.classList.add("sel"); setTimeout(() => row.classList.remove("sel"), 700); }
  }
  let chain = Promise.resolve();
  scan.addEventListener("keydown", (e) => {
    if (e.key !== "Enter") return;
    e.preventDefault();
    const typed = scan.value.trim(); scan.value = "";
    if (typed) chain = chain.then(() => scanned(typed));
  });
})();
