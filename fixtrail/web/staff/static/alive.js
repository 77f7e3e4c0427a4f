// The bar of every staff page: a clock, the time of the data, and what has not proved for a while that it is alive.
// Ages grow here, so a server that is gone makes them old, too. Without this script the bar is as of the page's loading.
"use strict";
(() => {
  const BEAT_MS = 5000, STALE_MS = 60000, ANSWER_MS = 4000;
  const bar = document.getElementById("alive");
  if (!bar) return;
  let ahead = Number(bar.dataset.now) - Date.now();
  const lines = [...bar.querySelectorAll(".age")];
  const format = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: bar.dataset.zone });
  const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  const levelOf = (line, now) => {
    const reference = line.dataset.asOf || line.dataset.since;
    if (!reference) return "unmeasured";
    const age = now - Number(reference);
    return age > STALE_MS ? "stale" : age > 1000 * Number(line.dataset.late) ? "late" : "fresh";
  };
  const show = () => {
    const now = Date.now() + ahead;
    write(document.getElementById("clock"), format.format(now));
    let worst = "fresh", asOf = null;
    for (const line of lines) {
      const level = levelOf(line, now);
      line.hidden = level === "fresh" || level === "unmeasured";
      line.className = `age ${level}`;
      const at = Number(line.dataset.asOf);
      if (!line.hidden) write(line, at ? line.dataset.text.replace("{time}", format.format(at)) : line.dataset.never);
      if (level === "stale" || (level === "late" && worst === "fresh")) worst = level;
      if (at && line.dataset.source !== "clickhouse" && (asOf === null || at < asOf)) asOf = at;
    }
    if (asOf !== null) write(document.getElementById("as-of"), format.format(asOf));
    bar.dataset.level = worst;
  };
  const ask = async () => {
    if (document.hidden && !document.body.classList.contains("wall")) return;
    try {
      const answer = await fetch("/ops/alive", { signal: AbortSignal.timeout(ANSWER_MS), cache: "no-store" });
      if (!answer.ok) return;
      const { now, ages } = await answer.json();
      ahead = now - Date.now();
      for (const line of lines) {
        const age = ages[line.dataset.source];
        line.dataset.asOf = age.as_of ?? "";
        line.dataset.since = age.since ?? "";
        line.dataset.late = age.late_after_s;
      }
      show();
    } catch { /* No answer: what is shown grows old by itself. */ }
  };
  setInterval(show, 1000);
  setInterval(ask, BEAT_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  show();
})();

// Copies a field's text; without this script the field can be selected.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = button.dataset.done;
  });
}
