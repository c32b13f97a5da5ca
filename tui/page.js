// Keys go to the application from the start, and what the browser does not let it copy is said.
"use strict";

const keys = () => document.querySelector(".xterm-helper-textarea");

// Not before something was drawn: what is typed earlier has nowhere to go.
const ready = new MutationObserver(() => {
  if (document.querySelector(".-first-byte") && keys()) {
    ready.disconnect();
    keys().focus();
  }
});
ready.observe(document, { subtree: true, attributeFilter: ["class"] });
window.addEventListener("focus", () => keys()?.focus());

const refused = () => {
  document.body.classList.add("-not-copied");
  setTimeout(() => document.body.classList.remove("-not-copied"), 6000);
};

if (navigator.clipboard) {
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  navigator.clipboard.writeText = (text) => write(text).catch(refused);
} else {
  Object.defineProperty(navigator, "clipboard", {
    value: { writeText: async () => refused(), readText: async () => "" },
  });
}
