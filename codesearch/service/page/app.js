// The page's state: what is asked, what answered, which passage is chosen. Asks this server alone.

import { citation, code, element, numberedLines, passageView, statusView, telling, visible } from "./view.js";

const TYPING_MS = 150;
const PATIENCE_MS = 35_000;
const RETRIES = 3;
const K = 20;
const FIELDS = ["query", "repo", "language", "path", "kind", "mode"];
const byId = (id) => document.getElementById(id);
const field = Object.fromEntries(FIELDS.map((name) => [name, byId(name)]));
const results = byId("results");
const sheet = byId("sheet");

let passages = [];
let chosen = -1;
let asking = null;
let timer = 0;
let token = sessionStorage.getItem("token") ?? "";

class Refusal extends Error {}

async function ask(what, body, signal) {
  for (let attempt = 0; ; attempt++) {
    let response;
    const limit = AbortSignal.timeout(PATIENCE_MS);
    try {
      response = await fetch("/v1/" + what, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(token ? { Authorization: "Bearer " + token } : {}) },
        body: JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(error.name === "TimeoutError"
        ? "The server did not answer in time; ask again."
        : "The server does not answer; start it again with `codesearch serve`, then ask again.");
    }
    if (response.ok) return response;
    if (response.status === 401) {
      byId("login").hidden = false;
      byId("token").focus();
      throw new Refusal(token ? "That token is not this server's." : "Give the token that the server was started with.");
    }
    if (response.status === 503 && attempt < RETRIES) {
      say("The server is busy; asking again…");
      await new Promise((go) => setTimeout(go, 1000 * Number(response.headers.get("Retry-After") ?? 2)));
      signal?.throwIfAborted();
      continue;
    }
    const { error } = await response.json().catch(() => ({}));
    throw new Refusal(error ?? `The server answered ${response.status}.`);
  }
}

function say(sentence, isBad = false) {
  byId("status").textContent = visible(sentence);
  byId("status").classList.toggle("bad", isBad);
}

function report(error) {
  if (error.name !== "AbortError") say(error instanceof Refusal ? error.message : `This page failed: ${error.message}`, true);
}

const guarded = (action) => (...given) => action(...given).catch(report);

function request() {
  const body = { query: field.query.value.trim(), mode: field.mode.value, repo: field.repo.value };
  if (field.language.value) body.languages = [field.language.value];
  if (field.kind.value) body.kinds = [field.kind.value];
  const paths = field.path.value.split(/[\s,]+/).filter(Boolean);
  if (paths.length) body.paths = paths;
  return body;
}

// --- searching -------------------------------------------------------------------------------

async function search() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const body = request();
  keepLink();
  if (!body.query) {
    show({ passages: [], notes: [] });
    say("");
    return;
  }
  results.classList.add("waiting");
  const started = performance.now();
  try {
    const findings = await (await ask("search", { ...body, k: K }, signal)).json();
    if (signal.aborted) return;
    show(findings);
    say(summary(findings, performance.now() - started));
  } finally {
    if (!signal.aborted) results.classList.remove("waiting");
  }
}

function summary(findings, elapsed_ms) {
  const { index } = findings;
  const n_stale = index.stale.changed + index.stale.added + index.stale.deleted;
  const n = findings.passages.length;
  return [
    `${n} passage${n === 1 ? "" : "s"}`,
    `${findings.n_tokens.toLocaleString("en")} tokens`,
    `${Math.round(elapsed_ms)} ms`,
    `${index.files.toLocaleString("en")} files`,
    n_stale ? `⚠ ${n_stale} stale` : "",
    index.skipped ? `${index.skipped} skipped` : "",
  ].filter(Boolean).join(" · ");
}

function show(findings) {
  passages = findings.passages;
  results.replaceChildren(...passages.map((passage, n) => element("li", {
    children: [passageView(passage, {
      open: () => { choose(n, false); guarded(openFile)(passage); },
      copy: () => guarded(copy)(citation(passage), "the citation"),
    })],
  })));
  byId("notes").replaceChildren(...findings.notes.map((text) => element("p", { text })));
  chosen = -1;
  if (passages.length) choose(0, false);
}

function choose(n, scroll = true) {
  if (!passages.length) return;
  chosen = Math.min(Math.max(n, 0), passages.length - 1);
  [...results.children].forEach((item, at) => {
    item.firstChild.classList.toggle("chosen", at === chosen);
    if (at === chosen) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  });
  if (scroll) results.children[chosen].scrollIntoView({ block: "nearest" });
}

// --- the sheet: a whole file, the state of the index, the keys -------------------------------

function openSheet(title, children) {
  byId("sheet-title").textContent = visible(title);
  byId("sheet-body").replaceChildren(...children);
  if (!sheet.open) sheet.showModal();
  byId("sheet-body").focus();
}

async function openFile(passage) {
  const repo = field.repo.value;
  const file = await (await ask("read", { path: passage.path, repo })).json();
  const view = code(numberedLines(file.text, file.start_line), telling(passage.evidence.matches));
  const rows = [...view.children];
  rows.filter((row) => row.dataset.n >= passage.start_line && +row.dataset.n <= passage.end_line)
    .forEach((row) => row.classList.add("here"));
  const more = file.next_line ? [element("p", { text: `Lines from ${file.next_line} are not shown.` })] : [];
  openSheet(passage.path + (file.stale ? " (changed since it was indexed)" : ""), [view, ...more]);
  rows.find((row) => +row.dataset.n === passage.start_line)?.scrollIntoView({ block: "start" });
}

async function openState() {
  openSheet("Stale and skipped", statusView(await (await ask("status", { repo: field.repo.value })).json()));
}

function openHelp() {
  const keys = [
    ["/", "type a question"], ["j  k  ↓  ↑", "next, previous passage"], ["Enter  o", "whole file, at the line"],
    ["c", "copy the citation"], ["t", "copy the passage's text"], ["x", "copy a context block for a prompt"],
    ["l", "copy a link to this query"], ["s", "what is stale, what was skipped"], ["Esc", "close; back to the question"],
  ];
  openSheet("Keys", [element("table", {
    children: keys.map(([key, text]) => element("tr", {
      children: [element("th", { scope: "row", text: key }), element("td", { text })],
    })),
  })]);
}

// --- copying ---------------------------------------------------------------------------------

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    openSheet(`Copy ${what} by hand`, [element("textarea", { value: text, rows: 20, cols: 80, readOnly: true })]);
    sheet.querySelector("textarea").select();
    return;
  }
  say(`Copied ${what}.`);
}

async function copyContext() {
  const body = request();
  if (!body.query) return;
  const answer = await ask("context", { ...body, format: "markdown" });
  const n_tokens = Number(answer.headers.get("Codesearch-Tokens"));
  await copy(await answer.text(), `a context block of ${n_tokens.toLocaleString("en")} tokens`);
}

// --- links -----------------------------------------------------------------------------------

function keepLink() {
  const values = FIELDS.map((name) => [name, field[name].value]).filter(([, value]) => value);
  // Behind the #, so that the query is in no server's log and no Referer.
  history.replaceState(null, "", field.query.value ? "#" + new URLSearchParams(values) : location.pathname);
  document.title = field.query.value ? `${field.query.value.slice(0, 80)} — codesearch` : "codesearch";
}

function takeLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of FIELDS) {
    const value = given.get(name);
    if (value === null) continue;
    if (name === "language" && ![...field.language.options].some((option) => option.value === value)) {
      field.language.append(element("option", { text: value, value }));
    }
    field[name].value = value;
  }
}

// --- keys and events -------------------------------------------------------------------------

const ACTIONS = {
  "/": () => field.query.select(),
  j: () => choose(chosen + 1),
  k: () => choose(chosen - 1),
  ArrowDown: () => choose(chosen + 1),
  ArrowUp: () => choose(chosen - 1),
  o: () => chosen >= 0 && guarded(openFile)(passages[chosen]),
  Enter: () => chosen >= 0 && guarded(openFile)(passages[chosen]),
  c: () => chosen >= 0 && guarded(copy)(citation(passages[chosen]), "the citation"),
  t: () => chosen >= 0 && guarded(copy)(passages[chosen].text, "the text"),
  x: () => guarded(copyContext)(),
  l: () => guarded(copy)(location.href, "the link"),
  s: () => guarded(openState)(),
  "?": openHelp,
  Escape: () => field.query.select(),
};
const WHILE_TYPING = new Set(["ArrowDown", "ArrowUp", "Enter"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || sheet.open) return;
  const at = event.target;
  if (at.matches("select, button, a, #token") && (event.key.length > 1 || at.matches("select, #token"))) return;
  const isTyping = at.matches("input, textarea");
  if (isTyping && (!WHILE_TYPING.has(event.key) || at !== field.query)) return;
  if (isTyping && event.key === "Enter" && timer) return;  // the form's own submit asks at once
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
  guarded(search)();
}

byId("ask").addEventListener("input", (event) => (event.target === field.repo ? changeRepository() : soon()));
byId("ask").addEventListener("submit", (event) => { event.preventDefault(); now(); });
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("token", token);
  byId("token").value = "";
  byId("login").hidden = true;
  guarded(start)();
});
byId("context").addEventListener("click", guarded(copyContext));
byId("state").addEventListener("click", guarded(openState));
byId("help").addEventListener("click", openHelp);
window.addEventListener("hashchange", () => { takeLink(); now(); });

async function loadLanguages() {
  const { languages } = await (await ask("status", { repo: field.repo.value })).json();
  const kept = field.language.value;
  field.language.replaceChildren(element("option", { value: "", text: "any" }),
    ...Object.entries(languages).map(([name, n]) => element("option", { value: name, text: `${name} (${n})` })));
  if (kept in languages) field.language.value = kept;
}

function changeRepository() {
  guarded(loadLanguages)();
  now();
}

async function start() {
  const { repositories } = await (await ask("repositories", {})).json();
  field.repo.replaceChildren(...repositories.map(({ name }) => element("option", { value: name, text: name })));
  say("");
  takeLink();
  if (field.query.value) now();
  await loadLanguages();
  if (location.hash) takeLink();
}

guarded(start)();
