// Passages as elements. Indexed text becomes text nodes and nothing else: no markup in it can act.

const CLOSE_TO_BEST = 0.08;
const STRONG = 0.5;
const STOP_WORDS = new Set(("a an and are as at be been by can did do does for from has have how i if in into is it its me " +
  "my of on or our should so than that the their them then there these they this to was we were what when where which " +
  "while who why will with you your").split(" "));
// Controls, and characters that hide or reorder their neighbours.
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])/g;

export function visible(text) {
  return text.replace(/\r\n/g, "\n").replace(UNSAFE, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function element(name, { text, children = [], ...properties } = {}) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  if (text !== undefined) made.textContent = visible(String(text));
  made.append(...children);
  return made;
}

// As codesearch/answers/shown_matches.py: the matches that tell a person something.
export function telling(matches) {
  const tells = ({ query_word, code_word }) => {
    const [asked, found] = [query_word.toLowerCase(), code_word.toLowerCase()];
    return (asked === found && asked.length > 3) ||
      (!STOP_WORDS.has(asked) && !STOP_WORDS.has(found) && found.length > 1);
  };
  let kept = matches.filter(tells);
  if (!kept.length) kept = matches;
  const best = new Map();
  for (const match of kept) {
    const word = match.query_word.toLowerCase();
    best.set(word, Math.max(best.get(word) ?? -1, match.similarity));
  }
  return kept.filter((match) => match.similarity >= best.get(match.query_word.toLowerCase()) - CLOSE_TO_BEST);
}

function isWordChar(char) {
  return char !== undefined && /[\p{L}\p{N}_]/u.test(char);
}

function marked(line, matches) {
  const places = [];
  for (const { code_word: word, query_word, similarity } of matches) {
    if (!word.trim()) continue;
    for (let at = line.indexOf(word); at >= 0; at = line.indexOf(word, at + word.length)) {
      if (isWordChar(line[at - 1]) && isWordChar(word[0])) continue;
      places.push({ at, end: at + word.length, query_word, similarity });
    }
  }
  places.sort((a, b) => a.at - b.at || b.end - a.end);
  const parts = [];
  let done = 0;
  for (const { at, end, query_word, similarity } of places) {
    if (at < done) continue;
    parts.push(visible(line.slice(done, at)));
    parts.push(element("mark", {
      text: line.slice(at, end), className: similarity < STRONG ? "weak" : "",
      title: visible(`answers “${query_word}” (${similarity.toFixed(2)})`),
    }));
    done = end;
  }
  parts.push(visible(line.slice(done)));
  return parts;
}

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

export function code(lines, matches = []) {
  const byLine = Map.groupBy ? Map.groupBy(matches, (match) => match.line) : grouped(matches);
  const rows = lines.map(({ number, text }) => {
    const found = byLine.get(number) ?? [];
    const strong = found.some((match) => match.similarity >= STRONG);
    const row = element("span", {
      className: "row" + (strong ? " hit" : "") + (number === null ? " gap" : ""),
      children: [...marked(text, found), "\n"],
    });
    row.dataset.n = number ?? "";
    return row;
  });
  return element("div", { className: "code", tabIndex: -1, children: rows });
}

function grouped(matches) {
  const groups = new Map();
  for (const match of matches) groups.set(match.line, [...(groups.get(match.line) ?? []), match]);
  return groups;
}

export function citation(passage) {
  return `${passage.path}:${passage.start_line}-${passage.end_line}`;
}

export function passageView(passage, { open, copy }) {
  const place = element("button", { className: "place", type: "button", text: citation(passage), onclick: open });
  const n_tokens = `${passage.n_tokens.toLocaleString("en")} token${passage.n_tokens === 1 ? "" : "s"}`;
  const head = element("div", {
    className: "head",
    children: [
      element("h2", { children: [place] }),
      ...(passage.symbol ? [element("span", { text: passage.symbol })] : []),
      element("span", { className: "facts", text: `${passage.language} · ${n_tokens} · score ${passage.score.toFixed(3)}` }),
      ...(passage.stale ? [element("span", { className: "stale", text: "⚠ changed since it was indexed" })] : []),
      element("button", { className: "copy", type: "button", text: "Copy citation", onclick: copy }),
    ],
  });
  const lines = numberedLines(passage.text, passage.start_line, passage.omitted_lines);
  return element("article", { children: [head, code(lines, telling(passage.evidence.matches))] });
}

export function statusView(status) {
  const rows = [];
  const add = (what, paths) => paths.forEach((path) => rows.push([what, path, ""]));
  add("changed", status.stale.changed);
  add("added", status.stale.added);
  add("deleted", status.stale.deleted);
  for (const { path, reason, detail } of [...status.skipped, ...status.problems]) rows.push([reason, path, detail]);
  const summary = `${status.files.toLocaleString("en")} files, ${status.encoded.toLocaleString("en")} of ` +
    `${status.chunks.toLocaleString("en")} chunks with vectors, built ${status.built_at}` +
    (status.commit ? ` at ${status.commit.slice(0, 12)}` : "") +
    (status.stale.complete ? "." : "; not fully checked against the disk.");
  const table = element("table", {
    children: rows.slice(0, 5000).map((cells) => element("tr", { children: cells.map((text) => element("td", { text })) })),
  });
  return [element("p", { text: summary }), rows.length ? table : element("p", { text: "Nothing is stale or skipped." })];
}
