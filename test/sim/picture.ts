/** Charts as plain SVG: lines over two axes, each linear or logarithmic. */

export type Line = { name: string; color: string; points: readonly (readonly [number, number])[]; dashed?: boolean };
export type Axis = { name: string; from: number; to: number; ticks: readonly number[]; log?: boolean };
export type Chart = { title: string; x: Axis; y: Axis; lines: readonly Line[] };

const [WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT] = [480, 330, 62, 34, 290, 240];

const short = (value: number): string => {
  if (value >= 1e9) return `${value / 1e9} G`;
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
};

/** Where a value lies on an axis, from 0 to 1. */
function place({ from, to, log }: Axis, value: number): number {
  const at = log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  return Math.min(1, Math.max(0, at));
}

function drawn({ title, x, y, lines }: Chart, left: number): string {
  const px = (value: number) => (left + LEFT + PLOT_WIDTH * place(x, value)).toFixed(1);
  const py = (value: number) => (TOP + PLOT_HEIGHT * (1 - place(y, value))).toFixed(1);
  const [right, bottom] = [left + LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT];
  const out = [`<text x="${left + LEFT}" y="20" font-weight="600">${title}</text>`];
  for (const tick of y.ticks)
    out.push(
      `<path d="M${left + LEFT} ${py(tick)}H${right}" stroke="#ddd"/>` +
        `<text x="${left + LEFT - 6}" y="${Number(py(tick)) + 4}" text-anchor="end">${short(tick)}</text>`,
    );
  for (const tick of x.ticks)
    out.push(`<text x="${px(tick)}" y="${bottom + 17}" text-anchor="middle">${short(tick)}</text>`);
  out.push(`<path d="M${left + LEFT} ${TOP}V${bottom}H${right}" fill="none" stroke="#555"/>`);
  out.push(`<text x="${left + LEFT + PLOT_WIDTH / 2}" y="${bottom + 36}" text-anchor="middle">${x.name}</text>`);
  out.push(`<text x="${left + 2}" y="20" fill="#555">${y.name}</text>`);
  const labels = lines.map(({ points }) => Number(py((points.at(-1) as readonly [number, number])[1])));
  // Names stand at the ends of their lines, not upon one another.
  const order = labels.map((_, i) => i).sort((a, b) => labels[a] - labels[b]);
  for (const [i, one] of order.entries()) if (i > 0) labels[one] = Math.max(labels[one], labels[order[i - 1]] + 14);
  for (const [i, { name, color, points, dashed }] of lines.entries()) {
    const path = points.map(([a, b]) => `${px(a)} ${py(b)}`).join("L");
    out.push(
      `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ""}/>`,
    );
    if (!dashed) for (const [a, b] of points) out.push(`<circle cx="${px(a)}" cy="${py(b)}" r="3" fill="${color}"/>`);
    out.push(`<text x="${right + 6}" y="${labels[i] + 4}" fill="${color}">${name}</text>`);
  }
  return out.join("\n");
}

/** Charts side by side. @param label what a reader who does not see them is told */
export function picture(label: string, charts: readonly Chart[]): string {
  const width = WIDTH * charts.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${label}">
<rect width="${width}" height="${HEIGHT}" fill="#fafafa"/>
${charts.map((chart, i) => drawn(chart, i * WIDTH)).join("\n")}
</svg>
`;
}
