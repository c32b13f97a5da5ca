// Asking this server, and no other: with its token, patience, and one sentence for everything that goes wrong.

const PATIENCE_MS = 35_000;
const RETRIES = 3;

let token = sessionStorage.getItem("token") ?? "";

// A sentence for a person. `kind` is "token" or "gone" where the page can do something about it.
export class Refusal extends Error {
  constructor(sentence, kind = "") {
    super(sentence);
    this.kind = kind;
  }
}

export function useToken(given) {
  token = given;
  sessionStorage.setItem("token", given);
}

// The response to a question. Throws AbortError once `signal` aborts, Refusal for everything else.
export async function ask(what, body, { signal, busy = () => {} } = {}) {
  for (let attempt = 0; ; attempt++) {
    const response = await send("/v1/" + what, body, signal);
    if (response.ok) return response;
    if (response.status === 401) {
      throw new Refusal(
        token ? "That token is not this server's." : "Give the token that the server was started with.", "token");
    }
    if (response.status === 503 && attempt < RETRIES) {
      busy();
      await new Promise((go) => setTimeout(go, 1000 * Number(response.headers.get("Retry-After") ?? 2)));
      signal?.throwIfAborted();
      continue;
    }
    const { error } = await response.json().catch(() => ({}));
    throw new Refusal(error ?? `The server answered ${response.status}.`);
  }
}

// A whole answer: a server can die while it is read.
export async function askJson(what, body, options) {
  const response = await ask(what, body, options);
  try {
    return await response.json();
  } catch (error) {
    throw readable(error);
  }
}

async function send(path, body, signal) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: "Bearer " + token } : {}) },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    throw readable(error);
  }
}

function readable(error) {
  if (error.name === "AbortError") return error;
  if (error.name === "TimeoutError") return new Refusal("The server did not answer in time; ask again.");
  return new Refusal("The server does not answer. Start it with `codesearch serve`", "gone");
}
