// The page's state: what is asked, what answered, which passage is chosen.

import { ask, askJson, Refusal, useToken } from "./server.js";
import {
  citation, code, count, element, fullPath, label, numberedLines, passageView, statusView, telling, visible,
} from "./view.js";

const TYPING_MS = 150;
const SLOW_MS = 2_000;
const COME_BACK_MS = 2_000;
const K = 10;
const EVERY = "*";
const FIELDS = ["query", "repo", "language", "path", "kind", "mode"];
const byId = (id) => document.getElementById(id);
const field = Object.fromEntries(FIELDS.map((name) => [name, byId(name)]));
const results = byId("results");
const sheet = byId("sheet");

let repositories = [];
let passages = [];
let chosen = -1;
let asking = null;
let timer = 0;
let comingBack = 0;

function say(sentence, isBad = false) {
  byId("status").textContent = visible(sentence);
  byId("status").classList.toggle("bad", isBad);
}

function report(error, again) {
  if (error.name === "AbortError") return;
  let sentence = error instanceof Refusal ? error.message : `This page failed: ${error.message}`;
  if (error.kind === "gone") sentence += again ? "; this page goes on by itself." : ", then ask again.";
  say(sentence, true);
  if (sheet.open) tellInSheet(sentence, true);
  if (error.kind === "token") {
    byId("login").hidden = false;
    byId("token").focus();
  }
  if (error.kind === "gone" && again) {
    clearTimeout(comingBack);
    comingBack = setTimeout(again, COME_BACK_MS);
  }
}

// A sheet covers the line of the page that says what happened.
function tellInSheet(text, isBad = false) {
  byId("sheet-keys").textContent = visible(text);
  byId("sheet-keys").classList.toggle("bad", isBad);
}

const guarded = (action, again) => (...given) => action(...given).catch((error) => report(error, again));
const isSeveral = () => field.repo.value === EVERY;
const names = () => (isSeveral() ? repositories : [field.repo.value]);

function request() {
  const body = { query: field.query.value.trim(), mode: field.mode.value };
  if (isSeveral()) body.repositories = [EVERY];
  else body.repo = field.repo.value;
  if (field.language.value) body.languages = [field.language.value];
  if (field.kind.value) body.kinds = [field.kind.value];
  const paths = field.path.value.split(/[\s,]+/).filter(Boolean);
  if (paths.length) body.paths = paths;
  return body;
}

// --- searching -------------------------------------------------------------------------------

async function search(offset = 0) {
  asking?.abort();
  clearTimeout(comingBack);
  asking = new AbortController();
  const { signal } = asking;
  const body = { ...request(), k: K, offset };
  keepLink();
  byId("welcome").hidden = Boolean(body.query);
  if (!body.query) {
    show([], []);
    say("");
    results.classList.remove("waiting");
    return;
  }
  results.classList.add("waiting");
  const slow = setTimeout(() => say("Still searching…"), SLOW_MS);
  const started = performance.now();
  try {
    const findings = await askJson("search", body, { signal, busy: () => say("The server is busy; asking again…") });
    if (signal.aborted) return;
    show(findings.passages, findings.notes, offset);
    say(summary(findings, performance.now() - started));
    showState(findings.index);
    results.classList.remove("waiting");
  } finally {
    clearTimeout(slow);
  }
}

function summary(findings, elapsed_ms) {
  return [
    count(passages.length, "passage"), count(passages.reduce((sum, each) => sum + each.n_tokens, 0), "token"),
    `${Math.round(elapsed_ms)} ms`,
  ].join(" · ");
}

function showState({ files, stale, skipped, chunks, encoded }) {
  const n_stale = stale.changed + stale.added + stale.deleted;
  byId("state").textContent = [
    count(files, "file"), encoded < chunks ? `${Math.floor((100 * encoded) / chunks)} % with vectors` : "",
    n_stale ? `⚠ ${n_stale} stale` : "", skipped ? `${skipped} skipped` : "",
  ].filter(Boolean).join(" · ");
}

function show(found, notes, offset = 0) {
  const first = offset ? passages.length : 0;
  passages = offset ? [...passages, ...found] : found;
  const items = found.map((passage, at) => element("li", {
    onclick: () => choose(first + at, false),
    children: [passageView(passage, {
      open: () => guarded(openFile)(passage),
      cite: () => guarded(copy)(citation(passage), "the citation"),
      copyText: () => guarded(copy)(visible(passage.text), "the passage"),
    })],
  }));
  if (offset) results.append(...items);
  else results.replaceChildren(...items);
  byId("notes").replaceChildren(...notes.map((text) => element("p", { text })));
  byId("more").hidden = found.length < K;
  if (!offset) {
    chosen = -1;
    choose(0, false);
  }
}

function choose(n, scroll = true) {
  if (!passages.length) return;
  chosen = Math.min(Math.max(n, 0), passages.length - 1);
  [...results.children].forEach((item, at) => {
    item.firstChild.classList.toggle("chosen", at === chosen);
    if (at === chosen) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  });
  if (!scroll) return;
  if (chosen === 0) window.scrollTo({ top: 0 });
  else results.children[chosen].scrollIntoView({ block: "nearest" });
}

const slide = (by) => results.children[chosen]?.querySelector(".code").scrollBy({ left: by });

// --- the sheet: a whole file, the state of the index, the keys -------------------------------

function openSheet(title, children, keys = "") {
  byId("sheet-title").textContent = visible(title);
  tellInSheet(keys);
  byId("sheet-body").replaceChildren(...children);
  if (!sheet.open) sheet.showModal();
  byId("sheet-body").focus();
}

async function openFile(passage) {
  const repo = passage.repository ?? field.repo.value;
  const matches = telling(passage.evidence.matches);
  const part = async (start_line) => {
    const file = await askJson("read", { path: passage.path, repo, start_line });
    const view = code(numberedLines(file.text, file.start_line), matches, passage.language);
    for (const row of view.children) {
      row.classList.toggle("here", row.dataset.n >= passage.start_line && row.dataset.n <= passage.end_line);
    }
    const more = element("button", {
      type: "button", text: `Lines from ${file.next_line}`,
      onclick: guarded(async () => more.replaceWith(...(await part(file.next_line)).children)),
    });
    return { is_stale: file.stale, children: file.next_line ? [view, more] : [view] };
  };
  const { is_stale, children } = await part(1);
  const title = `${fullPath(passage)}${is_stale ? " (changed since it was indexed)" : ""}`;
  openSheet(title, children, "n N matches · w wrap");
  const line = sheet.querySelector(".row.here");
  line?.scrollIntoView({ block: "start" });
  byId("sheet-body").scrollBy({ top: -60 });
}

function goToMatch(step) {
  const marks = [...sheet.querySelectorAll("mark")];
  if (!marks.length) return;
  const at = marks.findIndex((mark) => mark.classList.contains("current"));
  marks[at]?.classList.remove("current");
  const next = marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length];
  next.classList.add("current");
  next.scrollIntoView({ block: "center" });
}

async function openState() {
  const states = await Promise.all(names().map(async (repo) => statusView(repo, await askJson("status", { repo }))));
  openSheet("Stale and skipped", states.flat());
}

async function openHelp() {
  const keys = [
    ["/", "type a question"], ["↓ ↑  j k", "next, previous passage"], ["← →", "move long lines"],
    ["Enter  o", "whole file, at the line; there, n and N go from match to match"], ["m", "more passages"],
    ["c", "copy the citation, path:first-last"], ["t", "copy the passage's text"],
    ["x", "copy a context block for a prompt, with citations, within a budget of tokens"],
    ["l", "copy a link to this query"], ["s", "what is stale, what was skipped and why"], ["w", "wrap long lines"],
    ["T", "dark or light"], ["Esc", "leave the question for these keys, or return to it"],
  ];
  openSheet("Keys", [element("table", {
    children: keys.map(([key, text]) => element("tr", {
      children: [element("th", { scope: "row", text: key }), element("td", { text })],
    })),
  })]);
}

function toggleTheme() {
  const root = document.documentElement;
  const isDark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = isDark ? "light" : "dark";
}

function toggleWrap() {
  for (const each of document.querySelectorAll(".code")) each.classList.toggle("wrapped");
}

// --- copying ---------------------------------------------------------------------------------

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    openSheet(`Copy ${what} by hand`, [element("textarea", { value: text, readOnly: true })]);
    sheet.querySelector("textarea").select();
    return;
  }
  say(`Copied ${what}.`);
}

async function copyContext() {
  const body = request();
  if (!body.query) return;
  const answer = await ask("context", { ...body, budget_tokens: Number(byId("budget").value), format: "markdown" });
  const n_tokens = Number(answer.headers.get("Codesearch-Tokens"));
  await copy(await answer.text(), `a context block of ${count(n_tokens, "token")}`);
}

// --- links -----------------------------------------------------------------------------------

function keepLink() {
  const values = FIELDS.map((name) => [name, field[name].value]).filter(([, value]) => value);
  // Behind the #, so that the query is in no server's log and no Referer.
  history.replaceState(null, "", field.query.value ? "#" + new URLSearchParams(values) : location.pathname);
  document.title = field.query.value ? `${field.query.value.slice(0, 80)} — codesearch` : "codesearch";
  for (const name of ["repo", "language", "path", "kind", "mode"]) {
    const { value } = field[name];
    const isSet = name === "repo" ? value !== EVERY && repositories.length > 1 : value && value !== "hybrid";
    field[name].parentElement.classList.toggle("set", Boolean(isSet));
  }
}

function takeLink(names = FIELDS) {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of names) {
    const value = given.get(name) ?? { repo: field.repo.value, mode: "hybrid" }[name] ?? "";
    if (name === "language") keepLanguage(value);
    field[name].value = value;
    if (field[name].value !== value) field[name].selectedIndex = 0;
  }
}

// A link may name a language that the index has not, or not yet.
function keepLanguage(value) {
  if ([...field.language.options].every((option) => option.value !== value)) {
    field.language.append(element("option", { text: value, value }));
  }
  field.language.value = value;
}

// --- keys and events -------------------------------------------------------------------------

const ACTIONS = {
  "/": () => field.query.select(),
  j: () => choose(chosen + 1),
  k: () => choose(chosen - 1),
  ArrowDown: () => choose(chosen + 1),
  ArrowUp: () => choose(chosen - 1),
  ArrowRight: () => slide(80),
  ArrowLeft: () => slide(-80),
  o: () => chosen >= 0 && guarded(openFile)(passages[chosen]),
  Enter: () => chosen >= 0 && guarded(openFile)(passages[chosen]),
  c: () => chosen >= 0 && guarded(copy)(citation(passages[chosen]), "the citation"),
  t: () => chosen >= 0 && guarded(copy)(visible(passages[chosen].text), "the passage"),
  x: () => guarded(copyContext)(),
  l: () => guarded(copy)(location.href, "the link"),
  m: () => byId("more").hidden || more(),
  s: () => guarded(openState)(),
  w: toggleWrap,
  T: toggleTheme,
  "?": () => guarded(openHelp)(),
  Escape: () => field.query.select(),
};
const WHILE_TYPING = new Set(["ArrowDown", "ArrowUp", "Enter", "Escape"]);
const IN_THE_SHEET = { n: () => goToMatch(1), N: () => goToMatch(-1), w: toggleWrap, T: toggleTheme };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target;
  if (sheet.open) {
    if (!at.matches("textarea")) IN_THE_SHEET[event.key]?.();
    return;
  }
  if (at.matches("select, button, a, #token") && (event.key.length > 1 || at.matches("select, #token"))) return;
  const isTyping = at.matches("input");
  if (isTyping && (!WHILE_TYPING.has(event.key) || (at !== field.query && event.key !== "Escape"))) return;
  if (isTyping && event.key === "Escape") {
    at.blur(); // the keys of the passages are free
    event.preventDefault();
    return;
  }
  if (isTyping && event.key === "Enter" && timer) return; // the form's own submit asks at once
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

function soon() {
  clearTimeout(timer);
  timer = setTimeout(now, TYPING_MS);
}

function now() {
  clearTimeout(timer);
  timer = 0;
  guarded(search, now)();
}

const more = () => guarded(search)(passages.length);

byId("ask").addEventListener("input", (event) => (event.target === field.repo ? changeRepository() : soon()));
byId("ask").addEventListener("submit", (event) => { event.preventDefault(); now(); });
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId("token").value.trim());
  byId("token").value = "";
  byId("login").hidden = true;
  field.query.focus();
  begin();
});
byId("context").addEventListener("click", guarded(copyContext));
byId("link").addEventListener("click", () => guarded(copy)(location.href, "the link"));
byId("state").addEventListener("click", guarded(openState));
byId("help").addEventListener("click", guarded(openHelp));
byId("more").addEventListener("click", more);
window.addEventListener("hashchange", () => { takeLink(); now(); });

async function loadLanguages() {
  const states = await Promise.all(names().map((repo) => askJson("status", { repo, look_seconds: 0 })));
  const n_files = new Map();
  for (const { languages } of states) {
    for (const [name, n] of Object.entries(languages)) n_files.set(name, (n_files.get(name) ?? 0) + n);
  }
  const kept = field.language.value;
  const ranked = [...n_files].sort(([, n], [, m]) => m - n);
  field.language.replaceChildren(element("option", { value: "", text: "any" }),
    ...ranked.map(([name, n]) => element("option", { value: name, text: `${name} (${n})` })));
  keepLanguage(kept);
}

function changeRepository() {
  guarded(loadLanguages)();
  now();
}

async function start() {
  repositories = (await askJson("repositories", {})).repositories.map(({ name }) => name);
  const options = repositories.map((name) => element("option", { value: name, text: label(name) }));
  if (repositories.length > 1) options.unshift(element("option", { value: EVERY, text: "all" }));
  field.repo.replaceChildren(...options);
  byId("repositories").hidden = repositories.length < 2;
  say("");
  takeLink(["repo"]);
  now();
  await loadLanguages();
}

const begin = () => guarded(start, begin)();

takeLink();
begin();
