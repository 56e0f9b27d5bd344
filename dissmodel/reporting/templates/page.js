"use strict";
for (const box of document.querySelectorAll(".slider")) {
  // Before and after are on the page already: they are the ends of the way.
  const shown = (box.closest("section") || document).querySelectorAll(".maps .map");
  const ends = [...shown].filter((one) => "step" in one.dataset);
  const known = new Set([...box.querySelectorAll(".map")].map((one) => one.dataset.step));
  for (const [at, end] of ends.entries()) {
    if (known.has(end.dataset.step)) continue;
    const copy = end.cloneNode(true);
    for (const scale of copy.querySelectorAll(".scale")) scale.remove();
    copy.classList.add("copy");
    if (at === 0 && ends.length > 1) box.prepend(copy);
    else box.append(copy);
  }
  const maps = [...box.querySelectorAll(".map")];
  const label = document.createElement("label");
  const name = document.createElement("span");
  const input = document.createElement("input");
  name.textContent = box.dataset.label;
  Object.assign(input, { type: "range", min: 0, max: maps.length - 1, step: 1 });
  const show = () => {
    maps.forEach((one, at) => one.classList.toggle("hidden", at !== Number(input.value)));
    const title = maps[Number(input.value)].querySelector("figcaption").textContent;
    input.setAttribute("aria-valuetext", title);
  };
  input.value = maps.length - 1;
  input.addEventListener("input", show);
  label.append(name, input);
  box.append(label);
  box.classList.add("alive");
  show();
}
