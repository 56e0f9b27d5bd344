// What is nicer with a script: pages are whole without it. Nothing here makes markup of a text.
"use strict";

// The parts of a page that change: the server's own page is fetched again, and its parts take their place.
async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = [...page.querySelectorAll("[data-live]")];
  for (const [at, old] of [...document.querySelectorAll("[data-live]")].entries()) {
    const log = old.querySelector(".log");
    const isAtEnd = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    if (!fresh[at] || old.contains(document.activeElement)) continue;
    old.replaceWith(document.adoptNode(fresh[at]));
    if (isAtEnd) toEnd(fresh[at].querySelector(".log"));
  }
  document.title = page.title;
}

function toEnd(log) {
  if (log) log.scrollTop = log.scrollHeight;
}

function follow(box) {
  if (box.dataset.every) {
    setInterval(() => document.hidden || renew().catch(() => {}), 1000 * box.dataset.every);
    return;
  }
  const stream = new EventSource(`/jobs/${box.dataset.live}/events`);
  toEnd(box.querySelector(".log"));
  stream.addEventListener("state", (event) => {
    const job = JSON.parse(event.data);
    if (["completed", "failed", "cancelled"].includes(job.status)) {
      stream.close();
      location.reload();
    } else {
      renew().catch(() => {});
    }
  });
}

for (const box of document.querySelectorAll("[data-live]")) {
  if (box.dataset.live || box.dataset.every) follow(box);
}

// A picture as a map on plain coordinates: a pixel is a unit.
function asMap(box, image) {
  const size = [[0, 0], [image.naturalHeight, image.naturalWidth]];
  box.classList.add("alive");
  if (!box.classList.contains("large")) box.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`;
  const map = L.map(box, { crs: L.CRS.Simple, minZoom: -6, maxZoom: 3, zoomSnap: 0, zoomDelta: 0.5, attributionControl: false });
  image.remove();
  L.imageOverlay(image.src, size, { alt: image.alt }).addTo(map);
  map.fitBounds(size);
  map.setMaxBounds(L.latLngBounds(size).pad(0.5));
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", box.dataset.label);
}

for (const box of document.querySelectorAll(".map")) {
  const image = box.querySelector("img");
  image.decode().then(() => asMap(box, image), () => {
    const note = document.createElement("p");
    note.textContent = "There is no picture of this result.";
    box.replaceChildren(note);
  });
}

// Two experiments can be compared: the button says so, and a third tick takes the place of the first.
const ticks = [...document.querySelectorAll('input[name="ticked"]')];
const pair = document.querySelector("#pair button");
let ticked = ticks.filter((one) => one.checked);
function tell() {
  pair.disabled = ticked.length !== 2;
}
for (const one of ticks) {
  one.addEventListener("change", () => {
    ticked = ticked.filter((other) => other !== one);
    if (one.checked) ticked.push(one);
    if (ticked.length > 2) ticked.shift().checked = false;
    tell();
  });
}
if (pair) tell();

// An upload says how far it is; the answer is a page, as without a script.
const upload = document.querySelector("#upload");
if (upload) {
  upload.addEventListener("submit", (event) => {
    event.preventDefault();
    const told = document.querySelector("#upload-told"), bar = document.createElement("progress");
    const sending = new XMLHttpRequest();
    bar.max = 1;
    bar.setAttribute("aria-label", "Upload");
    told.replaceChildren("Sending …", bar);
    upload.querySelector("button").disabled = true;
    sending.upload.addEventListener("progress", (now) => { if (now.lengthComputable) bar.value = now.loaded / now.total; });
    sending.addEventListener("load", () => {
      if (sending.status < 400) return location.assign(sending.responseURL);
      const problem = new DOMParser().parseFromString(sending.responseText, "text/html").querySelector(".problem");
      told.replaceChildren(problem ? document.adoptNode(problem) : "The file was refused.");
      upload.querySelector("button").disabled = false;
    });
    sending.addEventListener("error", () => {
      told.replaceChildren("The connection was lost. Send it again.");
      upload.querySelector("button").disabled = false;
    });
    sending.open("POST", upload.action);
    sending.send(new FormData(upload));
  });
}
