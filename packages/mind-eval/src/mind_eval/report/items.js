"use strict";
const box = document.querySelector(".controls input");
const lists = [...document.querySelectorAll(".controls select")];
function show() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const by = Object.fromEntries(lists.map((one) => [one.dataset.by, one.value]));
  for (const task of document.querySelectorAll(".task")) {
    task.hidden = Boolean(by.task) && task.dataset.task !== by.task;
    for (const kind of task.querySelectorAll(".kind")) {
      kind.hidden = Boolean(by.kind) && kind.dataset.kind !== by.kind;
      let found = 0;
      for (const item of kind.querySelectorAll(".item")) {
        const text = item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        found += !item.hidden;
      }
      if (words.length) { kind.open = found > 0; kind.hidden = kind.hidden || !found; }
    }
  }
}
if (box) { box.addEventListener("input", show); lists.forEach((one) => one.addEventListener("change", show)); }
