// Keeps the status page up to date. Without it the page is whole, and stays as it was loaded.
"use strict";

const SILENCE = 30_000; // the server says something every ten seconds
const AGAIN = 3_000;
const UNSEEN = 60_000; // so often a tab that nobody sees asks, for its title's sake
const live = document.getElementById("live");
const told = document.getElementById("told");
const shown = new Map(); // what the server last said of each section
let stream = null;
let heard = Date.now();
let begun = Date.now(); // to listen
let notLiveSince = null;
let isWaiting = false; // for text to be no longer selected
let refreshing = null;
let isDue = false; // something was new while the page was under way

function tell(isLive) {
  notLiveSince = isLive ? null : notLiveSince ?? new Date(heard).toISOString().replace("T", " ").slice(0, 19);
  say(isLive ? "live" : `not live since ${notLiveSince} UTC`, isLive);
}

function say(text, isLive) {
  if (live.textContent !== text) {
    live.textContent = text;
    live.className = isLive ? "on" : "off";
  }
}

function connect() {
  stream?.close();
  if (document.hidden) return; // browsers open six connections to a server: with more streams no tab would load
  begun = Date.now();
  stream = new EventSource("/api/v1/events");
  for (const kind of ["status", "alive"]) {
    stream.addEventListener(kind, () => { heard = Date.now(); });
  }
  stream.addEventListener("status", refresh);
  stream.addEventListener("alive", () => { if (notLiveSince !== null) refresh(); });
  stream.onerror = () => {
    tell(false);
    stream.close();
    setTimeout(connect, AGAIN);
  };
}

// One at a time; while somebody reads or copies what would be replaced, it waits.
function refresh() {
  if (refreshing) {
    isDue = true;
    return;
  }
  isDue = false;
  refreshing = fetchPage().finally(() => {
    refreshing = null;
    if (isDue) refresh();
  });
}

async function fetchPage() {
  try {
    const answer = await fetch("/", { signal: AbortSignal.timeout(SILENCE) });
    if (!answer.ok) throw new Error(answer.statusText);
    heard = Date.now();
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    isWaiting = !getSelection().isCollapsed;
    if (isWaiting) return say("waits while text is selected", false);
    take(fresh);
    tell(true);
  } catch {
    tell(false);
  }
}

function take(fresh) {
  if (script(fresh) !== script(document)) return location.reload(); // another netcheck, with a script for its page
  document.title = fresh.title;
  announce(fresh.getElementById("headline").textContent);
  document.getElementById("time").replaceChildren(...fresh.getElementById("time").childNodes);
  const wanted = [...fresh.querySelectorAll("main > section")];
  if (wanted.map((each) => each.id).join() !== sections().map((each) => each.id).join()) {
    swap(document.querySelector("main"), fresh.querySelector("main"));
  } else {
    for (const section of wanted) {
      if (shown.get(section.id) !== section.outerHTML) swap(document.getElementById(section.id), section);
    }
  }
  remember(wanted);
}

function script(page) {
  return page.querySelector("script").getAttribute("src");
}

// A screen reader says it, whatever else is being read.
function announce(headline) {
  if (document.getElementById("headline").textContent !== headline) told.textContent = headline;
}

function sections() {
  return [...document.querySelectorAll("main > section")];
}

function remember(all) {
  for (const section of all) shown.set(section.id, section.outerHTML);
}

// What is open or closed stays so, and what has the focus keeps it.
function swap(old, fresh) {
  const html = fresh.cloneNode(true);
  for (const each of old.querySelectorAll("details")) {
    html.querySelector(`#${CSS.escape(each.id)}`)?.toggleAttribute("open", each.open);
  }
  const popover = old.querySelector(":popover-open");
  const read = popover?.scrollTop;
  const focused = old.contains(document.activeElement) ? name(document.activeElement) : null;
  const scrolled = [...old.querySelectorAll(".wide")].map((each) => each.scrollLeft);
  old.replaceWith(html);
  html.querySelectorAll(".wide").forEach((each, n) => { each.scrollLeft = scrolled[n] ?? 0; });
  const again = popover && document.getElementById(popover.id);
  if (again) { // whoever closes it is then where it was opened
    html.querySelector(`[popovertarget="${CSS.escape(again.id)}"]`)?.focus({ preventScroll: true });
    again.showPopover();
    again.scrollTop = read;
  }
  const found = [...html.querySelectorAll(FOCUSABLE)].find((each) => name(each) === focused);
  found?.focus({ preventScroll: true });
  showButtons();
}

const FOCUSABLE = "a, button, summary, [tabindex]";

// The same in fresh HTML, wherever that has it.
function name(element) {
  const opens = element.getAttribute("popovertarget");
  return [element.tagName, element.closest("[id]").id, opens, element.dataset.copy].join(" ");
}

function showButtons() {
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // plain HTTP from elsewhere has no clipboard
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.dataset.label ??= button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.label; }, 2_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
document.addEventListener("selectionchange", () => {
  if (isWaiting && getSelection().isCollapsed) refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return stream?.close();
  connect();
  refresh();
});
setInterval(() => {
  const silence = Date.now() - Math.max(heard, begun);
  if (document.hidden) {
    if (silence > UNSEEN) refresh();
  } else if (silence > SILENCE) {
    tell(false);
    connect();
  }
}, 5_000);
remember(sections());
showButtons();
connect();
