// Passages as elements. Indexed text becomes text nodes and nothing else: no markup in it can act.

// As in tui/theme.py; a test compares them.
export const LEVEL_FLOORS = [0.5, 0.6, 0.7];
// Controls, and characters that hide or reorder their neighbours, as in codesearch/render/sanitize.py.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}\p{Cs}]/gu;
const PROSE = new Set(["markdown", "text", "rst", "html", "asciidoc", "org", "latex"]);
const MOST_WORDS = 8;

export function visible(text) {
  return text.replace(/\r\n/g, "\n").replace(UNSAFE, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
}

// On one line, for a path or a symbol: whoever pastes it into a shell pastes no second line.
export function label(text) {
  return visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

export function element(name, { text, children = [], ...properties } = {}) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  if (text !== undefined) made.textContent = visible(String(text));
  made.append(...children);
  return made;
}

export function count(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}

// The matches that tell a person something, as the server says.
export const telling = (matches) => matches.filter((match) => match.telling);

const levelOf = (similarity) => LEVEL_FLOORS.filter((floor) => similarity >= floor).length;

function mark(text, query_word, similarity) {
  return element("mark", {
    text, className: "e" + levelOf(similarity), title: visible(`answers “${query_word}” (${similarity.toFixed(2)})`),
  });
}

const isWordChar = (char) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);

function marked(line, matches) {
  const places = [];
  for (const { code_word: word, query_word, similarity } of matches) {
    if (!word.trim()) continue;
    for (let at = line.indexOf(word); at >= 0; at = line.indexOf(word, at + word.length)) {
      if (isWordChar(line[at - 1]) && isWordChar(word[0])) continue;
      places.push({ at, end: at + word.length, query_word, similarity });
    }
  }
  places.sort((a, b) => a.at - b.at || b.similarity - a.similarity || b.end - a.end);
  const parts = [];
  let done = 0;
  for (const { at, end, query_word, similarity } of places) {
    if (at < done) continue;
    parts.push(visible(line.slice(done, at)), mark(line.slice(at, end), query_word, similarity));
    done = end;
  }
  return [...parts, visible(line.slice(done))];
}

// Lines with their numbers in the file; the sign that stands for `omitted` ones ([first, last] each) has none.
export function numberedLines(text, start, omitted = []) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const gaps = new Map(omitted);
  let number = start;
  return lines.map((line) => {
    const text = line.replace(/\r$/, "");
    if (gaps.has(number)) {
      number = gaps.get(number) + 1;
      return { number: null, text };
    }
    return { number: number++, text };
  });
}

export function code(lines, matches, language) {
  const byLine = new Map();
  for (const match of matches) byLine.set(match.line, [...(byLine.get(match.line) ?? []), match]);
  const rows = lines.map(({ number, text }) => {
    const found = byLine.get(number) ?? [];
    const isHit = found.some((match) => match.similarity >= LEVEL_FLOORS[0]);
    const row = element("span", {
      className: "row" + (isHit ? " hit" : "") + (number === null ? " gap" : ""),
      children: [...marked(text, found), "\n"],
    });
    row.dataset.n = number ?? "";
    return row;
  });
  return element("div", { className: "code" + (PROSE.has(language) ? " prose" : ""), tabIndex: -1, children: rows });
}

// The path as one gives it to a tool; below its repository's name where several answered.
export function fullPath(passage) {
  return label(passage.repository ? `${passage.repository}/${passage.path}` : passage.path);
}

export function citation(passage) {
  return `${fullPath(passage)}:${passage.start_line}-${passage.end_line}`;
}

// Which words of the question found which words here, best first.
function matchedWords(matches) {
  const best = new Map();
  for (const match of matches) {
    const key = match.query_word.toLowerCase();
    if (match.similarity > (best.get(key)?.similarity ?? -1)) best.set(key, match);
  }
  const shown = [...best.values()].sort((a, b) => b.similarity - a.similarity).slice(0, MOST_WORDS);
  if (!shown.length) return [];
  const pairs = shown.map(({ query_word, code_word, similarity }) => element("span", { children: [
    query_word === code_word ? "" : visible(query_word) + " → ", mark(code_word.slice(0, 60), query_word, similarity),
  ] }));
  return [element("div", { className: "words", children: [element("span", { text: "matched" }), ...pairs] })];
}

export function passageView(passage, { open, cite, copyText }) {
  const path = fullPath(passage);
  const cut = path.lastIndexOf("/") + 1;
  const place = element("button", {
    className: "plain place", type: "button", onclick: open, title: "Whole file, at the line",
    children: [path.slice(0, cut), element("b", { text: path.slice(cut) }), `:${passage.start_line}-${passage.end_line}`],
  });
  const action = (text, key, onclick) =>
    element("button", { type: "button", onclick, children: [text + " ", element("kbd", { text: key })] });
  const facts = `${passage.language} · ${count(passage.n_tokens, "token")} · confidence ${passage.confidence.toFixed(2)}`;
  const matches = telling(passage.evidence.matches);
  const head = element("div", { className: "head", children: [
    element("div", { children: [
      element("h2", { children: [place] }),
      ...(passage.symbol ? [element("span", { className: "symbol", text: label(passage.symbol) })] : []),
      element("span", { className: "quiet", text: facts }),
      ...(passage.stale ? [element("span", { className: "stale", text: "⚠ changed since it was indexed" })] : []),
      element("span", { className: "actions", children: [action("Cite", "c", cite), action("Text", "t", copyText)] }),
    ] }),
    ...matchedWords(matches),
  ] });
  const lines = numberedLines(passage.text, passage.start_line, passage.omitted_lines);
  return element("article", { children: [head, code(lines, matches, passage.language)] });
}

// What an index holds, what is stale and what was skipped, and why.
export function statusView(name, status) {
  const rows = ["changed", "added", "deleted"].flatMap((what) => status.stale[what].map((path) => [what, path, ""]));
  const n_stale = rows.length;
  const left_out = [...status.skipped, ...status.problems];
  rows.push(...left_out.map(({ path, reason, detail }) => [reason, path, detail]));
  const summary = `${count(status.files, "file")}, ${status.encoded.toLocaleString("en")} of ` +
    `${count(status.chunks, "chunk")} with vectors, built ${status.built_at}` +
    (status.commit ? ` at ${status.commit.slice(0, 12)}` : "") + `: ${n_stale} stale, ${left_out.length} skipped` +
    (status.stale.complete ? "." : "; not fully checked against the disk.");
  const table = element("table", {
    children: rows.slice(0, 5000).map((cells) => element("tr", {
      children: cells.map((text) => element("td", { text: label(text) })),
    })),
  });
  return [
    element("h3", { text: label(name) }), element("p", { text: summary }),
    rows.length ? table : element("p", { text: "Nothing is stale or skipped." }),
  ];
}
