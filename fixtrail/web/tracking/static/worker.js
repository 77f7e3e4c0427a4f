// Shows the notifications that the push sink sends, one an order, and opens the page when one is tapped.
"use strict";

self.addEventListener("push", (event) => {
  let told = {};
  try { told = event.data.json(); } catch { return; }
  event.waitUntil(self.registration.showNotification(String(told.title || ""), {
    body: String(told.body || ""), tag: String(told.tag || ""), lang: String(told.lang || ""), data: { url: told.url || "" },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  if (url.origin === self.location.origin) event.waitUntil(self.clients.openWindow(url.href));
});
