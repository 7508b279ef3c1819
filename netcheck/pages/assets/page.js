// Keeps the status page up to date. Without it the page is whole, and stays as it was loaded.
"use strict";

const SILENCE = 30_000; // the server says something every ten seconds
const AGAIN = 3_000;
const live = document.getElementById("live");
const shown = new Map(); // what the server last said of each section
let stream = null;
let heard = 0;
let liveSince = null;
let refreshing = null;

function tell(isLive) {
  if (isLive) {
    liveSince = null;
  } else {
    liveSince ??= new Date();
  }
  const text = isLive ? "live" : `not live since ${liveSince.toLocaleTimeString()}`;
  if (live.textContent !== text) {
    live.textContent = text;
    live.className = isLive ? "on" : "off";
  }
}

function connect() {
  stream?.close();
  heard = Date.now();
  stream = new EventSource("/api/v1/events");
  for (const kind of ["status", "alive"]) {
    stream.addEventListener(kind, () => { heard = Date.now(); });
  }
  stream.addEventListener("status", refresh);
  stream.addEventListener("alive", () => { if (liveSince !== null) refresh(); });
  stream.onerror = () => {
    tell(false);
    stream.close();
    setTimeout(connect, AGAIN);
  };
}

// One at a time; while somebody reads or copies what would be replaced, it waits.
function refresh() {
  refreshing ??= fetchPage().finally(() => { refreshing = null; });
}

async function fetchPage() {
  try {
    const answer = await fetch("/", { signal: AbortSignal.timeout(SILENCE) });
    if (!answer.ok) throw new Error(answer.statusText);
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    tell(true);
  } catch {
    tell(false);
  }
}

function take(fresh) {
  if (!getSelection().isCollapsed) return;
  document.title = fresh.title;
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

function sections() {
  return [...document.querySelectorAll("main > section")];
}

function remember(all) {
  for (const section of all) shown.set(section.id, section.outerHTML);
}

// What is open stays open, and what has the focus keeps it.
function swap(old, fresh) {
  const html = fresh.cloneNode(true);
  for (const each of old.querySelectorAll("details[open]")) {
    html.querySelector(`#${CSS.escape(each.id)}`)?.setAttribute("open", "");
  }
  const popover = old.querySelector(":popover-open");
  const focused = old.contains(document.activeElement) ? place(old, document.activeElement) : null;
  const scrolled = [...old.querySelectorAll(".wide")].map((each) => each.scrollLeft);
  old.replaceWith(html);
  html.querySelectorAll(".wide").forEach((each, n) => { each.scrollLeft = scrolled[n] ?? 0; });
  if (popover) document.getElementById(popover.id)?.showPopover();
  if (focused !== null) html.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  showButtons();
}

const FOCUSABLE = "a, button, summary, [tabindex]";

function place(within, element) {
  return [...within.querySelectorAll(FOCUSABLE)].indexOf(element);
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
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
setInterval(() => {
  if (Date.now() - heard > SILENCE) {
    tell(false);
    connect();
  }
}, 5_000);
remember(sections());
showButtons();
connect();
