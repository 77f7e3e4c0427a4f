// Keeps a tracking page as it is now: server-sent events bring the changed part, clocks go on, offline is said.
"use strict";

const page = document.getElementById("page");
const journey = document.getElementById("journey");
const offline = document.getElementById("offline");
const behind = document.getElementById("behind");
// How far the center's server is ahead of this device's clock.
const isCopy = Boolean(page.dataset.kept);
const ahead = isCopy ? 0 : Number(page.dataset.now) - Date.now();
let events = page.dataset.events;
let source = null;
let pause = 1000;

const now = () => Date.now() + ahead;

function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const text = hours ? page.dataset.hm : page.dataset.m;
  return text.replace("{h}", hours).replace("{m}", hours ? minutes % 60 : minutes);
}

// What grows by itself, and what is true only before or after an instant.
function tick() {
  const at = now();
  for (const each of document.querySelectorAll("[data-base]")) {
    const text = span(Number(each.dataset.base) + Math.max(0, at - Number(each.dataset.at)) / 1000);
    const whole = each.dataset.of ? each.dataset.of.replace("{span}", text) : text;
    if (each.textContent !== whole) each.textContent = whole;
  }
  for (const each of document.querySelectorAll("[data-from]")) each.hidden = at < Number(each.dataset.from);
  for (const each of document.querySelectorAll("[data-until]")) each.hidden = at >= Number(each.dataset.until);
}

const original = new Map();
for (const part of journey.children) original.set(part.id, part.outerHTML);

// What a form came to, until the visit goes on.
const outcome = document.getElementById("outcome");
const openedAt = Date.now();

// Replaces the sections that changed. One in which somebody is typing stays as it is, unless it is gone.
function show(html) {
  const made = new DOMParser().parseFromString(html, "text/html").body;
  for (const part of [...made.children]) {
    const old = document.getElementById(part.id);
    if (!old || original.get(part.id) === part.outerHTML) continue;
    const writing = old.querySelector("form :is(textarea, :checked)") && part.querySelector("form");
    // An answer that is being chosen, or confirmed, stays as long as it can be given.
    const choosing = old.querySelector("#confirm, #confirm-call, [form=decide]:not(:checked)") && part.querySelector("#decide, #ask-call");
    const typing = writing || choosing;
    if (typing) continue;
    original.set(part.id, part.outerHTML);
    const focused = old.contains(document.activeElement);
    part.classList.add("changed");
    old.replaceWith(part);
    if (focused) { part.tabIndex = -1; part.focus(); }
  }
  if (outcome && Date.now() - openedAt > 10000) outcome.remove();
  const headline = document.getElementById("headline").textContent;
  document.title = headline + " · " + page.dataset.title;
  document.getElementById("told").textContent = page.dataset.updated + ": " + headline;
  tick();
  keep();
}

function clock(at, more) {
  const format = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: page.dataset.zone, ...more };
  return new Date(at).toLocaleString(document.documentElement.lang, format);
}

function tellAge(line, at) {
  line.textContent = line.dataset.text.replace("{at}", clock(at));
  line.hidden = false;
}

// The page as it is now for a reload without a network: it says as of when it is, nothing in it goes on or can be sent.
function lastState() {
  const copy = document.documentElement.cloneNode(true);
  for (const each of copy.querySelectorAll("form, input, button, .jump, #push, #outcome, noscript")) each.remove();
  for (const each of copy.querySelectorAll("[data-base], [data-from], [data-until]")) {
    for (const name of ["base", "from", "until"]) delete each.dataset[name];
  }
  const line = copy.querySelector("#offline");
  line.textContent = line.dataset.kept.replace("{at}", clock(now(), { month: "numeric", day: "numeric" })) + " ";
  line.hidden = false;
  const age = line.appendChild(document.createElement("span"));
  Object.assign(age.dataset, { base: 0, at: Date.now(), of: line.dataset.age });
  copy.querySelector("#page").dataset.kept = Date.now();
  return "<!doctype html>" + copy.outerHTML;
}

// Kept by the worker while the visit is open, and not while something is being confirmed.
async function keep() {
  if (isCopy || !("serviceWorker" in navigator) || document.getElementById("confirm-call")) return;
  if (document.getElementById("confirm")) return;
  const { active } = await navigator.serviceWorker.ready;
  const isOver = document.querySelector(".is-handed_off, .is-cancelled");
  const files = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")]
    .map((each) => each.getAttribute("href") || each.getAttribute("src"));
  active.postMessage({ token: location.pathname.split("/")[2], html: isOver ? "" : lastState(), files });
}

function away() {
  if (offline.hidden) tellAge(offline, now());
}

function back() {
  offline.hidden = true;
  pause = 1000;
}

function connect() {
  if (source) source.close();
  source = new EventSource(page.dataset.live + "&after=" + events);
  // Where the server itself is behind, it says so again at once.
  source.addEventListener("open", () => { if (isCopy) location.reload(); else { back(); behind.hidden = true; } });
  source.addEventListener("behind", (event) => {
    const { at } = JSON.parse(event.data);
    if (at === null) behind.hidden = true; else tellAge(behind, at);
  });
  source.addEventListener("journey", (event) => {
    back();
    events = event.lastEventId;
    page.dataset.events = events;
    show(JSON.parse(event.data).html);
  });
  source.addEventListener("gone", () => { source.close(); location.reload(); });
  source.addEventListener("error", () => {
    away();
    // The browser tries again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, 30000);
    }
  });
}

window.addEventListener("offline", () => { if (source) source.close(); away(); });
window.addEventListener("online", connect);
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const each of document.querySelectorAll("button:disabled")) each.disabled = false;
  connect();
});
window.addEventListener("pagehide", () => source && source.close());
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
document.addEventListener("submit", (event) => {
  if (!navigator.onLine) { event.preventDefault(); away(); return; }
  // Pressed once is enough; the pressed button's value is taken before it is switched off.
  setTimeout(() => { for (const each of event.target.querySelectorAll("button")) each.disabled = true; }, 0);
});

// What a form came to is said once, not again at every reload.
history.replaceState(null, "", "?lang=" + document.documentElement.lang);
tick();
setInterval(tick, 5000);
setInterval(() => { if (offline.hidden) keep(); }, 60000);
connect();
if (!isCopy && "serviceWorker" in navigator) {
  window.addEventListener("load", () => {
    navigator.serviceWorker.register(page.dataset.worker, { scope: "/t/" }).then(keep).catch(() => {});
  });
}

// Notifications of this browser, where both it and the center know how.
const push = document.getElementById("push");
if (push && "serviceWorker" in navigator && "PushManager" in window) {
  const on = document.getElementById("push-on");
  const off = document.getElementById("push-off");
  const said = document.getElementById("push-said");

  const shown = (subscribed) => {
    on.hidden = subscribed;
    off.hidden = !subscribed;
    said.textContent = subscribed ? said.dataset.on : "";
  };

  const send = async (path, subscription) => {
    const answer = await fetch(push.dataset.to + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(subscription),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  };

  // The browser has one subscription for all orders: whether it is for this one only the center knows.
  const isOn = async (subscription) => Boolean(subscription) && (await (await send("/state", subscription)).json()).on;

  const registered = () => navigator.serviceWorker.register(push.dataset.worker);

  const active = (registration) => registration.active || new Promise((resolve) => {
    const worker = registration.installing || registration.waiting;
    worker.addEventListener("statechange", () => worker.state === "activated" && resolve());
  });

  on.addEventListener("click", async () => {
    try {
      if (await Notification.requestPermission() !== "granted") { said.textContent = said.dataset.denied; return; }
      const registration = await registered();
      await active(registration);
      const key = Uint8Array.from(atob(push.dataset.key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
      const manager = registration.pushManager;
      const asked = { userVisibleOnly: true, applicationServerKey: key };
      const subscription = await manager.subscribe(asked).catch(async () => {
        // There may be one that was made with a former key of the center's.
        await (await manager.getSubscription())?.unsubscribe();
        return manager.subscribe(asked);
      });
      await send("", subscription);
      shown(true);
    } catch { said.textContent = said.dataset.failed; }
  });

  off.addEventListener("click", async () => {
    try {
      const subscription = await (await registered()).pushManager.getSubscription();
      // Not taken back from the browser: another order's page may go on with it.
      if (subscription) await send("/stop", subscription);
      shown(false);
    } catch { said.textContent = said.dataset.failed; }
  });

  navigator.serviceWorker.getRegistration(push.dataset.worker).then(async (registration) => {
    shown(Boolean(registration) && await isOn(await registration.pushManager.getSubscription()));
    push.hidden = false;
  }).catch(() => {});
}
