// Gives a tracking page that is loaded without a network its last state. With a network it changes nothing.
// What it keeps: open visits alone, five at most, three days at most, without the token that opens them.
"use strict";

const STORE = "fixtrail-last-state";
const MOST = 5;
const LONGEST_MS = 3 * 24 * 3600 * 1000;
const PAGE = /^\/t\/([^/]+)$/;
const MARK = "{token}";
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
  + "manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

// Under a hash: whoever looks through the store finds no link.
async function keyOf(token) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return "/t/" + Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Those that are still to be had, the newest first; the others are dropped.
async function tidy(store) {
  const ages = [];
  for (const request of await store.keys()) {
    const at = Number((await store.match(request)).headers.get("X-Kept-At"));
    if (at) ages.push([at, request]);
  }
  ages.sort((one, other) => other[0] - one[0]);
  await Promise.all(ages.filter(([at], index) => index >= MOST || Date.now() - at > LONGEST_MS)
    .map(([, request]) => store.delete(request)));
}

async function keep({ token, html, files }) {
  const store = await caches.open(STORE);
  const key = await keyOf(token);
  if (!html) { await store.delete(key); return; }
  const headers = {
    "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer", "X-Kept-At": String(Date.now()),
  };
  await store.put(key, new Response(html.replaceAll(token, MARK), { headers }));
  await tidy(store);
  for (const { url } of await store.keys()) {
    const { pathname, search } = new URL(url);
    if (pathname.startsWith("/static/") && !files.includes(pathname + search)) await store.delete(url);
  }
  for (const file of files) if (!await store.match(file)) await store.add(file);
}

async function lastState(token) {
  const store = await caches.open(STORE);
  await tidy(store);
  const state = await store.match(await keyOf(token));
  return state && new Response((await state.text()).replaceAll(MARK, token), { headers: state.headers });
}

async function page(request, token) {
  try {
    const answer = await fetch(request);
    // Revoked, expired, erased: gone here as well.
    if (answer.status === 404) await keep({ token });
    return answer;
  } catch {
    return await lastState(token) || Response.error();
  }
}

async function file(request) {
  try {
    return await fetch(request);
  } catch {
    return await caches.match(request, { ignoreSearch: true }) || Response.error();
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const [, token] = PAGE.exec(pathname) || [];
  if (request.mode === "navigate" && token) event.respondWith(page(request, token));
  else if (pathname.startsWith("/static/tracking/")) event.respondWith(file(request));
});
