// Short notes that go away by themselves. The same note again only stays longer.

const STAY_MS = 3800;
const TOASTS_MAX = 4;

/** `tone`: "plain" for refusals, "good" for what went well. */
export function toast(words, tone = "plain") {
  const box = document.getElementById("toasts");
  [...box.children].find((each) => each.textContent === words)?.remove();
  const note = document.createElement("p");
  note.className = `toast ${tone}`;
  note.textContent = words;
  box.append(note);
  while (box.children.length > TOASTS_MAX) box.firstChild.remove();
  setTimeout(() => note.remove(), STAY_MS);
}
