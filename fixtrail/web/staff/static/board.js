// The board's ticking times and its live changes. Without this script every page is complete as of when it was loaded.
"use strict";
(() => {
  const body = document.body;
  const connection = document.getElementById("connection");
  let ahead = Number(body.dataset.now) - Date.now();

  const span = (ms) => {
    const total = Math.max(0, Math.floor(ms / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(total / 3600);
    if (hours >= 24) return `${Math.floor(hours / 24)}d ${two(hours % 24)}:${two(Math.floor((total % 3600) / 60))}`;
    const rest = Math.floor((total % 3600) / 60);
    return hours ? `${hours}:${two(rest)}:${two(total % 60)}` : `${rest}:${two(total % 60)}`;
  };
  const tick = () => {
    const now = Date.now() + ahead;
    for (const time of document.querySelectorAll("time.tick")) {
      const said = span(time.dataset.due ? Math.abs(now - time.dataset.due) : now - time.dataset.since);
      if (time.textContent !== said) time.textContent = said;
    }
  };
  setInterval(tick, 1000);
  tick();
  if (!body.dataset.stream) return;

  // A filter applies at once.
  for (const form of document.querySelectorAll("form[data-at-once]")) {
    form.querySelector("[data-without-script]").hidden = true;
    form.addEventListener("change", () => form.requestSubmit());
  }
  if (matchMedia("(min-width: 45.01rem)").matches) document.querySelector("details.filters")?.setAttribute("open", "");

  // Who mutes an order does not see it for an hour, in this browser; everybody else does.
  const MUTED_MS = 3600 * 1000;
  const muted = () => {
    try {
      const until = JSON.parse(localStorage.getItem("fixtrail-muted")) ?? {};
      return Object.fromEntries(Object.entries(until).filter(([, at]) => at > Date.now()));
    } catch { return {}; }
  };
  const showMuted = () => {
    const until = muted();
    let count = 0;
    for (const item of document.querySelectorAll("[data-order]")) {
      item.hidden = item.dataset.order in until;
      count += item.hidden;
      item.querySelector("[data-hide]").hidden = false;
    }
    const line = document.querySelector(".hidden-ones");
    if (!line) return;
    line.hidden = !count;
    line.querySelector("span").textContent = body.dataset.muted.replace("{n}", count);
  };
  const ticked = (form) => [...document.querySelectorAll(`input[type=checkbox][form="${form}"]`)];
  document.addEventListener("click", (event) => {
    const order = event.target.closest("[data-hide]")?.dataset.hide;
    if (order) localStorage.setItem("fixtrail-muted", JSON.stringify({ ...muted(), [order]: Date.now() + MUTED_MS }));
    else if (event.target.closest(".hidden-ones button")) localStorage.removeItem("fixtrail-muted");
    else return;
    showMuted();
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-all]")) return;
    for (const box of ticked("acknowledge")) box.checked = event.target.checked && !box.closest("li").hidden;
  });
  const decorate = () => {
    showMuted();
    for (const label of document.querySelectorAll(".tick-all")) label.hidden = false;
  };
  setInterval(showMuted, 30000);
  decorate();

  const say = (text, link) => {
    connection.textContent = text;
    connection.classList.toggle("is-bad", Boolean(text));
    if (link) {
      const back = document.createElement("a");
      back.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
      back.textContent = link;
      connection.append(" ", back);
    }
  };
  const waiting = new Map();
  // Whoever writes a note keeps what is written: their piece is put in place when they leave it.
  const isInUse = (place) => {
    const at = document.activeElement;
    return place.contains(at) && (at.matches("input:not([type=checkbox])") || at.tagName === "TEXTAREA");
  };
  const put = (name, html) => {
    const place = document.querySelector(`[data-piece="${CSS.escape(name)}"]`);
    if (!place) return;
    if (isInUse(place)) {
      waiting.set(name, html);
      return;
    }
    waiting.delete(name);
    const open = place.querySelector("details")?.open;
    const at = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const scrolled = [...place.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    const boxes = new Set([...place.querySelectorAll("input:checked")].map((box) => box.name || "all"));
    const box = place.contains(document.activeElement) ? document.activeElement.getAttribute("name") : null;
    place.innerHTML = html;
    for (const input of place.querySelectorAll("input[type=checkbox]")) input.checked = boxes.has(input.name || "all");
    if (box) place.querySelector(`input[name="${CSS.escape(box)}"]`)?.focus({ preventScroll: true });
    place.querySelectorAll(".scroll").forEach((each, index) => { each.scrollLeft = scrolled[index] || 0; });
    if (open && place.querySelector("details")) place.querySelector("details").open = true;
    if (at) place.querySelector(`a[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
  };
  document.addEventListener("focusout", () => setTimeout(() => { waiting.forEach((html, name) => put(name, html)); decorate(); }));

  let source = null;
  let retry = null;
  const connect = () => {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(body.dataset.stream);
    const heard = (event) => {
      const told = JSON.parse(event.data);
      ahead = told.now - Date.now();
      body.dataset.live = "yes";
      say("");
      return told;
    };
    source.addEventListener("board", (event) => {
      for (const [name, html] of Object.entries(heard(event).pieces)) put(name, html);
      decorate();
      tick();
    });
    source.addEventListener("beat", heard);
    source.addEventListener("bye", () => {
      source.close();
      source = null;
      body.dataset.live = "no";
      say(body.dataset.signedOut, body.dataset.signIn);
    });
    source.addEventListener("error", () => {
      body.dataset.live = "no";
      say(body.dataset.broken, body.dataset.signIn);
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(connect, 5000);
    });
  };
  // A tab that nobody sees asks for nothing; it is brought up to date when it is looked at again.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && !body.classList.contains("wall")) {
      source?.close();
      source = null;
      clearTimeout(retry);
    } else if (!source) {
      connect();
    }
  });
  connect();
})();
