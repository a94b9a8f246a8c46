// Draws <div class="chart" data-chart-url="..."> with uPlot, again every data-refresh-s seconds and on a theme change.
// The JSON: {"x": [unix s], "series": [{"label", "values", "kind": "spend" | "ideal"}], "unit", "tz", "until": unix s}
(() => {
  "use strict";

  // A probe resolves tokens (light-dark(), var()) to a colour that a canvas understands.
  const colour = (box, token) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${token})`;
    box.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const STYLES = {
    spend: (box) => ({ stroke: colour(box, "--series-1"), fill: colour(box, "--series-1-fill"), width: 2, points: { show: false } }),
    ideal: (box) => ({ stroke: colour(box, "--series-2"), dash: [5, 4], width: 1.5, points: { show: false } }),
  };

  const draw = (box, data) => {
    const money = new Intl.NumberFormat(undefined, { style: "currency", currency: data.unit, maximumFractionDigits: 2 });
    const short = new Intl.NumberFormat(undefined, { style: "currency", currency: data.unit, notation: "compact", maximumFractionDigits: 2 });
    const rehearsal = data.until - data.x[0] < 7200;
    const clock = new Intl.DateTimeFormat(undefined, { timeZone: data.tz, hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(rehearsal && { second: "2-digit" }) });
    const axis = { stroke: colour(box, "--text-3"), grid: { stroke: colour(box, "--grid"), width: 1 }, ticks: { show: false },
                   font: `12px ${getComputedStyle(box).fontFamily}` };
    const tip = document.createElement("div");
    tip.className = "chart-tip";
    tip.hidden = true;
    const options = {
      width: box.clientWidth - 8,
      height: box.clientHeight - 12,
      legend: { show: false },
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), data.tz),
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { range: () => [data.x[0], data.until] }, y: { range: (_, low, high) => [0, Math.max(high * 1.06, 0.01)] } },
      axes: [
        { ...axis, size: 32, space: 64, values: (_, ticks) => ticks.map((s) => clock.format(s * 1000)) },
        { ...axis, size: 62, space: 44, values: (_, ticks) => ticks.map((value) => short.format(value)) },
      ],
      series: [{}, ...data.series.map((one) => ({ label: one.label, ...STYLES[one.kind](box) }))],
      hooks: {
        setCursor: [(chart) => {
          const at = chart.cursor.idx;
          tip.hidden = at == null || chart.cursor.left < 0;
          if (tip.hidden) return;
          tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: clock.format(data.x[at] * 1000) }));
          for (const one of data.series) {
            if (one.values[at] == null) continue;
            tip.append(Object.assign(document.createElement("div"), { textContent: `${one.label}: ${money.format(one.values[at])}` }));
          }
          const left = chart.cursor.left + chart.bbox.left / devicePixelRatio;
          tip.style.left = `${Math.max(0, left + (left > box.clientWidth / 2 ? -tip.offsetWidth - 12 : 12))}px`;
        }],
      },
    };
    box.replaceChildren();
    box.uplot = new uPlot(options, [data.x, ...data.series.map((one) => one.values)], box);
    box.append(tip);
  };

  const load = async (box) => {
    const answer = await fetch(box.dataset.chartUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    box.data = await answer.json();
    draw(box, box.data);
  };

  const start = (box) => {
    load(box);
    const seconds = Number(box.dataset.refreshS);
    if (seconds) setInterval(() => { if (!document.hidden && !box.matches(":hover")) load(box); }, seconds * 1000);
    new ResizeObserver(() => box.uplot?.setSize({ width: box.clientWidth - 8, height: box.clientHeight - 12 })).observe(box);
  };

  const redraw = () => { for (const box of document.querySelectorAll(".chart")) if (box.data) draw(box, box.data); };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-chart-url]").forEach(start));
  document.addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
