// Writing in the world: names over heads, what somebody just said, and the key of the thing in reach.

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const BUBBLE_WIDTH_MAX = 210; // CSS pixels
const BUBBLE_LINES_MAX = 3;

const fontOf = (px, weight = 600) => `${weight} ${px}px ${FONT}`;

/** A name centred above (x, y). `ratio`: device pixels per CSS pixel. */
export function drawName(context, name, x, y, ratio, own) {
  const size = Math.round(12.5 * ratio);
  context.font = fontOf(size);
  context.textAlign = "center";
  context.textBaseline = "middle";
  const width = context.measureText(name).width + 12 * ratio;
  context.fillStyle = own ? "rgba(46, 36, 8, 0.74)" : "rgba(18, 34, 20, 0.62)";
  context.beginPath();
  context.roundRect(x - width / 2, y - 9 * ratio, width, 18 * ratio, 9 * ratio);
  context.fill();
  context.fillStyle = own ? "#ffe9a8" : "#ffffff";
  context.fillText(name, x, y + ratio * 0.5);
}

/** Words in a bubble whose tip is at (x, y); `alpha` fades it. */
export function drawBubble(context, text, x, y, ratio, alpha) {
  const size = 13 * ratio;
  context.font = fontOf(size, 500);
  const lines = wrapText(context, text, BUBBLE_WIDTH_MAX * ratio);
  const width = Math.max(...lines.map((line) => context.measureText(line).width)) + 20 * ratio;
  const height = lines.length * size * 1.3 + 12 * ratio;
  const top = y - height - 7 * ratio;
  context.globalAlpha = alpha;
  context.fillStyle = "rgba(255, 255, 255, 0.95)";
  context.beginPath();
  context.roundRect(x - width / 2, top, width, height, 11 * ratio);
  context.moveTo(x - 6 * ratio, top + height - 1);
  context.lineTo(x, y);
  context.lineTo(x + 7 * ratio, top + height - 1);
  context.fill();
  context.fillStyle = "#22301f";
  context.textAlign = "center";
  context.textBaseline = "middle";
  lines.forEach((line, i) => context.fillText(line, x, top + 6 * ratio + size * 1.3 * (i + 0.5)));
  context.globalAlpha = 1;
}

function wrapText(context, text, widthMax) {
  const lines = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > widthMax) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  const shown = lines.slice(0, BUBBLE_LINES_MAX).map((each) => shorten(context, each, widthMax));
  if (lines.length > BUBBLE_LINES_MAX) shown[BUBBLE_LINES_MAX - 1] += " …";
  return shown;
}

function shorten(context, line, widthMax) {
  let kept = line;
  while (kept.length > 1 && context.measureText(kept).width > widthMax) kept = kept.slice(0, -2);
  return kept === line ? line : `${kept}…`;
}

/** A key's cap, floating above (x, y). */
export function drawKeycap(context, key, x, y, ratio) {
  const side = 20 * ratio;
  context.fillStyle = "rgba(24, 40, 24, 0.35)";
  context.beginPath();
  context.roundRect(x - side / 2, y - side / 2 + 2 * ratio, side, side, 5 * ratio);
  context.fill();
  context.fillStyle = "#fffdf2";
  context.beginPath();
  context.roundRect(x - side / 2, y - side / 2, side, side, 5 * ratio);
  context.fill();
  context.fillStyle = "#2d3b25";
  context.font = fontOf(12 * ratio, 700);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(key, x, y + ratio * 0.5);
}
