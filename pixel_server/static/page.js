// Makes the pages livelier. Everything works without it.
"use strict";

(function () {
  const body = document.body;
  const last = body.dataset.last;
  const byKey = (root) => new Map([...root.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));

  // Escape puts a card away without moving the focus (WCAG 1.4.13).
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll(".lens:hover, .lens:focus-within").forEach((lens) => lens.classList.add("dismissed"));
      document.querySelectorAll("details[open]").forEach((open) => { open.open = false; });
    } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
  for (const leave of ["mouseout", "focusout"]) {
    document.addEventListener(leave, (event) => {
      const lens = event.target.closest && event.target.closest(".lens.dismissed");
      if (lens && !lens.contains(event.relatedTarget)) lens.classList.remove("dismissed");
    });
  }
  // A card that would reach below the window stands above its icon; the style sheet says so where browsers understand it.
  const placed = CSS.supports("position-try-fallbacks", "flip-block") && CSS.supports("anchor-scope", "--lens");
  for (const come of placed ? [] : ["mouseover", "focusin"]) {
    document.addEventListener(come, (event) => {
      const lens = event.target.closest && event.target.closest(".lens"), card = lens && lens.querySelector(".card");
      if (!card || lens.contains(event.relatedTarget)) return;
      card.classList.remove("above");
      if (card.getBoundingClientRect().bottom > window.innerHeight) card.classList.add("above");
    });
  }
  document.addEventListener("click", (event) => {
    document.querySelectorAll(".filters details[open]").forEach((open) => {
      if (!open.contains(event.target)) open.open = false;
    });
  });

  // The tab says how much is new, for those who keep it open behind others.
  const title = document.title;
  function showUnread() {
    const number = document.querySelector("[data-unread]");
    document.title = number && !number.hidden && number.textContent !== "0" ? `(${number.textContent}) ${title}` : title;
  }
  showUnread();

  const zone = document.querySelector("[data-zone]");
  if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";

  if (!last || !window.EventSource) return;

  // A change: fetch this very page again and exchange what differs. What has the focus or is being read stays.
  let waiting = null, busy = false, again = false;
  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok && !answer.redirected) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next event tries again */ }
    busy = false;
    if (again) { again = false; schedule(); }
  }
  function schedule() {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 250);
  }
  function exchange(fresh) {
    const number = document.querySelector("[data-unread]"), newNumber = fresh.querySelector("[data-unread]");
    if (number && newNumber) { number.textContent = newNumber.textContent; number.hidden = newNumber.hidden; }
    showUnread();
    document.querySelectorAll("[data-live]").forEach((region) => {
      const other = fresh.querySelector(`[data-live="${region.dataset.live}"]`);
      if (!other || isBeingWritten(region)) return;
      const before = byKey(region), after = byKey(other);
      const same = before.size > 0 && [...before.keys()].join() === [...after.keys()].join() && region.dataset.live !== "message";
      if (same) {
        after.forEach((row, key) => {
          const old = before.get(key);
          if (old.outerHTML.replace(" arrived", "") !== row.outerHTML) replaceRow(old, row);
        });
        return;
      }
      if (region.innerHTML === other.innerHTML) return;
      const focus = document.activeElement && region.contains(document.activeElement) ? pathOf(document.activeElement, region) : null;
      region.innerHTML = other.innerHTML;
      byKey(region).forEach((row, key) => { if (!before.has(key)) row.classList.add("arrived"); });
      if (focus) { const back = region.querySelector(focus); if (back) back.focus(); }
    });
  }
  // What somebody began to write is worth more than news, whether or not it has the focus at the moment.
  function isBeingWritten(region) {
    const fields = [...region.querySelectorAll("input:not([type=hidden]), textarea")];
    return fields.some((field) => field === document.activeElement || field.value !== field.defaultValue);
  }
  function replaceRow(old, row) {
    const focus = old.contains(document.activeElement) ? pathOf(document.activeElement, old) : null;
    const copy = document.importNode(row, true);
    copy.classList.add("arrived");
    old.replaceWith(copy);
    if (focus) { const back = copy.querySelector(focus); if (back) back.focus(); }
  }
  function pathOf(element, root) {
    const card = element.getAttribute("aria-describedby"), href = element.getAttribute("href");
    if (card) return `[aria-describedby="${CSS.escape(card)}"]`;
    return href ? `${element.localName}[href="${CSS.escape(href)}"]` : null;
  }

  const source = new EventSource("/api/v1/events?after=" + encodeURIComponent(last));
  for (const kind of ["hit", "verdict", "message"]) source.addEventListener(kind, schedule);
  source.addEventListener("hit", (event) => {
    const hit = JSON.parse(event.data);
    if (hit.again || !["human", "image-proxy"].includes(hit.class)) return;
    const title = hit.kind === "click" ? body.dataset.clicked : body.dataset.opened;
    if (!title) return;
    const text = title + ": " + (hit.subject || "");
    const announce = document.querySelector("[data-announce]");
    if (announce) announce.textContent = text;
    if (body.dataset.notify === "on" && document.hidden && window.Notification && Notification.permission === "granted") {
      new Notification(title, { body: hit.subject || "", tag: hit.message || hit.id, icon: "/static/lens.svg" });
    }
  });
  window.addEventListener("pagehide", () => source.close());
})();

// A browser asks for leave only when its reader ticks the box.
(function () {
  const box = document.querySelector("[data-ask-browser]");
  if (!box || !window.Notification) return;
  box.addEventListener("change", () => { if (box.checked && Notification.permission === "default") Notification.requestPermission(); });
})();
