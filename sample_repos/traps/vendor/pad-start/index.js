// Somebody else's code, copied here.
module.exports = function padStart(text, width, filler) {
  text = String(text);
  while (text.length < width) text = (filler || " ") + text;
  return text;
};
