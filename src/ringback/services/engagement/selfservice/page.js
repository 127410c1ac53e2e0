"use strict";
const live = document.getElementById("live");
const look = live.dataset.look, pause = 5000;
let shown = live.innerHTML, misses = 0;

async function renew() {
  if (document.hidden) return;
  try {
    const reply = await fetch(look, { cache: "no-store", credentials: "omit" });
    if (reply.status === 404 || reply.status === 410) return location.reload();
    if (!reply.ok) throw new Error(String(reply.status));
    const found = await reply.json();
    misses = 0;
    if (found.phase !== live.dataset.phase) return location.replace(live.dataset.page);
    if (found.html !== shown) {
      live.innerHTML = shown = found.html;
    }
  } catch {
    misses = Math.min(misses + 1, 6);
  }
}

async function watch() {
  for (;;) {
    await new Promise(wake => setTimeout(wake, pause * 2 ** misses));
    await renew();
  }
}

document.addEventListener("visibilitychange", renew);
watch();
