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

  // A second click while a slow answer is under way would do the same deed twice; another button of the form does another.
  // What is only saved to disk leaves the page as it was, so the deed can be done again after a while.
  const underWay = new WeakMap(); // the deeds of each form
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    if (form.method !== "post") return;
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
    const deed = JSON.stringify([action, button?.name, button?.value]), deeds = underWay.get(form) ?? new Set();
    if (deeds.has(deed)) { event.preventDefault(); return; }
    underWay.set(form, deeds.add(deed));
    setTimeout(() => deeds.delete(deed), 4000);
  });

  // Back from a message leads to the list it was found in, filters and all.
  if (document.querySelector('[data-live="messages"]')) remember("list", location.pathname + location.search);
  document.addEventListener("click", (event) => {
    const crumb = event.target.closest('a.crumb[href="/messages"]');
    if (crumb) crumb.href = remember("list") || crumb.href;
  });
  function remember(name, value) {
    try {
      if (value) sessionStorage.setItem(name, value);
      return sessionStorage.getItem(name);
    } catch { return null; } // a browser that keeps nothing for us
  }

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

  // Said once the session has ended, and until another one began: what is written here goes nowhere.
  let loggedOut = null;
  function say(isLoggedOut) {
    if (loggedOut && !isLoggedOut) loggedOut.remove();
    if (Boolean(loggedOut) === isLoggedOut) return;
    loggedOut = isLoggedOut ? document.createElement("p") : null;
    if (!loggedOut) return;
    loggedOut.className = "alarm";
    loggedOut.setAttribute("role", "alert");
    const login = document.createElement("a");
    login.href = "/login?next=" + encodeURIComponent(body.dataset.here);
    login.textContent = body.dataset.logIn;
    loggedOut.append(body.dataset.lost + " ", login);
    document.querySelector("main").prepend(loggedOut);
  }

  // A change: fetch this very page again and exchange what differs. What has the focus or is being read stays.
  // A page that shows nothing live has only its bell to keep up with, which the shortest page has too.
  const here = document.querySelector("[data-live]") ? location.href : "/messages?limit=1";
  let waiting = null, busy = false, again = false;
  async function refresh() {
    waiting = null;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(here, { headers: { Accept: "text/html", "X-Live": "1" }, credentials: "same-origin" });
      say(answer.redirected && new URL(answer.url).pathname === "/login");
      if (answer.ok && !answer.redirected) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next event tries again */ }
    busy = false;
    if (again) { again = false; schedule(); }
  }
  // However fast things happen, the page keeps up; behind other tabs it may lag.
  function schedule() {
    waiting ??= setTimeout(refresh, document.hidden ? 2000 : 250);
  }
  function exchange(fresh) {
    // Somebody logged in anew, in another tab: a page of theirs goes with its forms, one of somebody else's goes.
    if (nameOn(fresh) !== nameOn(document)) { location.reload(); return; }
    const token = fresh.body.dataset.csrf;
    document.querySelectorAll("input[name=csrf]").forEach((field) => { field.value = token; });
    const number = document.querySelector("[data-unread]"), newNumber = fresh.querySelector("[data-unread]");
    if (number && newNumber) { number.textContent = newNumber.textContent; number.hidden = newNumber.hidden; }
    showUnread();
    const read = rowBeingRead();
    document.querySelectorAll("[data-live]").forEach((region) => {
      const other = fresh.querySelector(`[data-live="${region.dataset.live}"]`);
      if (!other || isBeingWritten(region)) return;
      if (isBeingCopied(region)) { missed = true; return; }
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
      if (focus) { const back = region.querySelector(focus); if (back) back.focus({ preventScroll: true }); }
    });
    keepInPlace(read);
  }
  // Who has scrolled down goes on reading the same row in the same place, whatever came above it.
  function rowBeingRead() {
    const rows = window.scrollY > 0 ? [...document.querySelectorAll('[data-live] [data-key], [data-live="message"] h2[id]')] : [];
    const row = rows.find((one) => one.getBoundingClientRect().top >= 0);
    return row && { name: nameOf(row), top: row.getBoundingClientRect().top };
  }
  function nameOf(row) {
    return row.id ? "#" + CSS.escape(row.id) : `[data-live] [data-key="${CSS.escape(row.dataset.key)}"]`;
  }
  function keepInPlace(read) {
    const row = read && document.querySelector(read.name);
    if (row) window.scrollBy({ top: row.getBoundingClientRect().top - read.top, behavior: "instant" });
  }
  function nameOn(page) {
    const who = page.querySelector(".who");
    return who ? who.textContent : "";
  }
  // What somebody began to write is worth more than news, whether or not it has the focus at the moment.
  function isBeingWritten(region) {
    const fields = [...region.querySelectorAll("input:not([type=hidden]), textarea")];
    return fields.some((field) => field === document.activeElement || field.value !== field.defaultValue);
  }
  // A text that is marked would be unmarked; news wait until it is.
  let missed = false;
  function isBeingCopied(region) {
    const marked = window.getSelection();
    return Boolean(marked) && !marked.isCollapsed && region.contains(marked.anchorNode);
  }
  document.addEventListener("selectionchange", () => {
    if (missed && window.getSelection().isCollapsed) { missed = false; schedule(); }
  });
  function replaceRow(old, row) {
    const focus = old.contains(document.activeElement) ? pathOf(document.activeElement, old) : null;
    const copy = document.importNode(row, true);
    copy.classList.add("arrived");
    old.replaceWith(copy);
    if (focus) { const back = copy.querySelector(focus); if (back) back.focus({ preventScroll: true }); }
  }
  function pathOf(element, root) {
    const card = element.getAttribute("aria-describedby"), href = element.getAttribute("href");
    if (card) return `[aria-describedby="${CSS.escape(card)}"]`;
    return href ? `${element.localName}[href="${CSS.escape(href)}"]` : null;
  }

  function hear(news) {
    if (news.id) newest = news.id;
    schedule();
    if (news.kind === "hit") tell(JSON.parse(news.data));
  }
  function tell(hit) {
    if (hit.again || !["human", "image-proxy"].includes(hit.class)) return;
    const title = hit.kind === "click" ? body.dataset.clicked : body.dataset.opened;
    if (!title) return;
    const text = title + ": " + (hit.subject || "");
    const announce = document.querySelector("[data-announce]");
    if (announce) announce.textContent = text;
    if (body.dataset.notify === "on" && document.hidden && window.Notification && Notification.permission === "granted") {
      const shown = new Notification(title, { body: hit.subject || "", tag: hit.message || hit.id, icon: "/static/lens.svg" });
      shown.addEventListener("click", () => {
        window.focus();
        if (hit.message && !isBeingWritten(document.body)) location.assign("/messages/" + hit.message);
      });
    }
  }

  // A browser opens six connections to one address, for all of its tabs together: of those of a session one listens and
  // tells the others. Who has no locks (a page that came neither by https nor from this machine) listens while visible.
  const ours = "mailglass " + body.dataset.csrf;
  const others = window.BroadcastChannel ? new BroadcastChannel(ours) : null;
  if (others) others.addEventListener("message", (event) => hear(event.data));
  let newest = last, leave = () => {};
  function listen(until) {
    let source = null, pause = null;
    const open = () => {
      source = new EventSource("/api/v1/events?after=" + encodeURIComponent(newest));
      for (const kind of ["hit", "verdict", "message"]) {
        source.addEventListener(kind, (event) => pass({ kind, id: event.lastEventId, data: event.data }));
      }
      source.addEventListener("open", () => { if (loggedOut) pass({ kind: "back" }); });
      // A lost connection comes back by itself. A refusal does not: the session has ended, or a proxy speaks for us.
      source.addEventListener("error", () => {
        if (source.readyState !== EventSource.CLOSED || until.aborted) return;
        pass({ kind: "refused" });
        pause = setTimeout(open, 10000);
      });
    };
    const pass = (news) => { hear(news); if (others && navigator.locks) others.postMessage(news); };
    open();
    return new Promise((end) => until.addEventListener("abort", () => { source.close(); clearTimeout(pause); end(); }));
  }
  function join() {
    leave();
    const until = new AbortController();
    leave = () => until.abort();
    if (navigator.locks && others) navigator.locks.request(ours, { signal: until.signal }, () => listen(until.signal)).catch(() => {});
    else if (!document.hidden) listen(until.signal);
  }
  join();
  if (!navigator.locks) document.addEventListener("visibilitychange", () => { join(); if (!document.hidden) schedule(); });
  window.addEventListener("pagehide", () => leave());
  window.addEventListener("pageshow", (event) => { if (event.persisted) { join(); schedule(); } });
})();

// A browser asks for leave only when its reader ticks the box.
(function () {
  const box = document.querySelector("[data-ask-browser]");
  if (!box) return;
  const refuses = document.querySelector("[data-browser-refuses]"), again = document.querySelector("[data-ask-again]");
  const permission = () => (window.Notification ? Notification.permission : "denied");
  // The box is the account's and holds for each browser; whether this one plays along is its own to say.
  function show() {
    refuses.hidden = !box.checked || permission() !== "denied";
    again.hidden = !box.checked || permission() !== "default";
  }
  async function ask() {
    if (box.checked && permission() === "default") await Notification.requestPermission();
    show();
  }
  box.addEventListener("change", ask);
  again.addEventListener("click", ask);
  show();
})();
