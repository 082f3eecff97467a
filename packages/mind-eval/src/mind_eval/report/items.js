"use strict";
const box = document.querySelector(".controls input");
const lists = [...document.querySelectorAll(".controls select[data-by]")];
const runs = [...document.querySelectorAll(".controls select[data-run]")];
function show() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const by = Object.fromEntries(lists.map((one) => [one.dataset.by, one.value]));
  const wanted = runs.filter((one) => one.value);
  for (const task of document.querySelectorAll(".task")) {
    task.hidden = Boolean(by.task) && task.dataset.task !== by.task;
    for (const kind of task.querySelectorAll(".kind")) {
      kind.hidden = Boolean(by.kind) && kind.dataset.kind !== by.kind;
      let found = 0;
      for (const item of kind.querySelectorAll(".item")) {
        const text = words.length ? item.textContent.toLowerCase() : "";
        const right = [...item.dataset.right];
        item.hidden = !words.every((word) => text.includes(word))
          || !wanted.every((one) => right[one.dataset.run] === one.value);
        found += !item.hidden;
      }
      if (words.length || wanted.length) { kind.open = found > 0; kind.hidden = kind.hidden || !found; }
    }
  }
}
/* What prompts share stands once on the page; an unfolded prompt shows it in its place. */
function fill(event) {
  const link = event.target.open && event.target.querySelector("pre > a");
  if (!link) return;
  const shared = document.querySelector(link.getAttribute("href") + " pre");
  link.replaceWith(Object.assign(document.createElement("span"), { textContent: shared.textContent }));
}
if (box) {
  box.addEventListener("input", show);
  [...lists, ...runs].forEach((one) => one.addEventListener("change", show));
  document.querySelectorAll(".item .prompt").forEach((one) => one.addEventListener("toggle", fill));
}
