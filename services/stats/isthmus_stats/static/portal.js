// Keeps the page right while somebody looks at it. Without this script everything still works, by reloading.
//
// The server renders each part of the page (an element with data-fragment) and sends it again when it has changed; here
// the old part is changed into the new one in place, so that focus, selection and scrolling stay where they are.
"use strict";

// --- Light or dark: the system's choice until the reader makes one -----------------------------------------------------

const root = document.documentElement;
const THEMES = ["auto", "light", "dark"];

function showTheme(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

function storedTheme() {
  try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; }
}

showTheme(storedTheme());

function themeButton(button) {
  const name = () => { button.setAttribute("aria-label", `Colours: ${root.dataset.theme || "as the system"}`); button.title = button.getAttribute("aria-label"); };
  button.hidden = false;
  name();
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme || "auto") + 1) % THEMES.length];
    showTheme(next);
    try { localStorage.setItem("theme", next); } catch { /* private windows keep nothing */ }
    name();
  });
}

// --- Times in the reader's own zone -------------------------------------------------------------------------------------

const SAME_DAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const OTHER_DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function span(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function localTimes(within) {
  const now = new Date();
  for (const time of within.querySelectorAll("time")) {
    const then = new Date(time.dateTime);
    if ("ago" in time.dataset) { time.textContent = `${span((now - then) / 1000)} ago`; time.title = EXACT.format(then); }
    else if ("clock" in time.dataset) time.textContent = (then.toDateString() === now.toDateString() ? SAME_DAY : OTHER_DAY).format(then);
    else time.textContent = EXACT.format(then);
  }
}

// --- One part of the page into another, in place ------------------------------------------------------------------------

function keyOf(node) { return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined; }

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || keyOf(from) !== keyOf(to)) { from.replaceWith(to); return; }
  if (from.nodeType !== Node.ELEMENT_NODE) { if (from.data !== to.data) from.data = to.data; return; }
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  morphChildren(from, to);
}

function morphChildren(from, to) {
  const byKey = new Map([...from.children].filter((child) => keyOf(child) !== undefined).map((child) => [keyOf(child), child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const same = byKey.get(keyOf(wanted));
    if (same && same !== at) { from.insertBefore(same, at); morph(same, wanted); }
    else if (at) { const next = at.nextSibling; const kept = keyOf(at) === undefined || keyOf(at) === keyOf(wanted); if (kept) { morph(at, wanted); at = next; } else from.insertBefore(wanted, at); }
    else from.append(wanted);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function showFragment(id, html) {
  const place = document.getElementById(id);
  if (!place) return;
  const next = document.createElement("template");
  next.innerHTML = html; // the server has escaped everything in it
  localTimes(next.content);
  morphChildren(place, next.content);
}

// --- News from the server -----------------------------------------------------------------------------------------------

const POLL_MS = 5000;
let source = null;
let polling = 0;

function connection(words, live) {
  const place = document.querySelector("[data-connection]");
  if (!place) return;
  place.hidden = false;
  place.classList.toggle("live", live);
  if (place.textContent !== words) place.textContent = words;
}

function listen(address) {
  if (source) source.close();
  clearInterval(polling);
  let heard = false;
  source = new EventSource(address);
  source.addEventListener("fragment", (event) => {
    heard = true;
    connection("Live", true);
    const { id, html } = JSON.parse(event.data);
    showFragment(id, html);
  });
  source.onerror = () => {
    // A proxy that does not pass events on, or a server that is away: pages by themselves may still come through.
    connection("Reconnecting", false);
    if (!heard || source.readyState === EventSource.CLOSED) { source.close(); poll(address); }
  };
}

function poll(address) {
  clearInterval(polling);
  polling = setInterval(async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of page.querySelectorAll("[data-fragment]")) showFragment(part.id, part.innerHTML);
      connection("Every 5 seconds", true);
    } catch {
      connection("The portal does not answer", false);
    }
  }, POLL_MS);
  setTimeout(() => { if (polling) listen(address); }, 12 * POLL_MS);
}

// --- Filters, order and pages without loading the page anew -------------------------------------------------------------

function go(search, remember) {
  const address = location.pathname + search;
  if (remember) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  listen(`/events${search}`);
}

function searchForm(form) {
  const field = form.querySelector("input[type=search]");
  let typing = 0;
  const find = () => {
    const wanted = new URLSearchParams(location.search);
    wanted.delete("page");
    if (field.value.trim()) wanted.set("q", field.value.trim());
    else wanted.delete("q");
    go(wanted.size ? `?${wanted}` : "", false);
  };
  field.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, 200); });
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); find(); });
  addEventListener("popstate", () => { field.value = new URLSearchParams(location.search).get("q") || ""; go(location.search, false); });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); field.focus(); }
  });
}

addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-theme-button]")) themeButton(button);
  localTimes(document);
  setInterval(() => localTimes(document), 10000);
  const { live } = document.body.dataset;
  if (!live) return;
  listen(live);
  const form = document.querySelector("[data-search]");
  if (!form) return;
  searchForm(form);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(new URL(link.href).search, true);
  });
});
