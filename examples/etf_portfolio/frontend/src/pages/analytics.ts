import { type Position, getSummary } from "../api";
import { drawing, element, table } from "../dom";
import { formatMoney, formatShare, formatUnits } from "../format";

const ROW = 36;

function chart(positions: Position[], total: number): SVGElement {
  const bars = positions.flatMap((position, row) => {
    const part = Number(position.value) / total;
    const y = row * ROW;
    return [
      drawing("text", { x: "0", y: String(y + 12) }, `${position.name} ${formatShare(part)}`),
      drawing("rect", { x: "0", y: String(y + 18), width: `${part * 100}%`, height: "10", rx: "2" }),
    ];
  });
  return drawing("svg", { class: "chart", role: "img", "aria-label": "Allocation", height: String(positions.length * ROW) }, ...bars);
}

export async function render(): Promise<HTMLElement> {
  const { positions, value } = await getSummary();
  if (positions.length === 0) return element("p", {}, "There is nothing to analyse yet.");
  const held = positions.filter((position) => Number(position.units) > 0);
  const rows = positions.map((position) => [
    position.name,
    position.isin,
    formatUnits(position.units),
    formatMoney(position.average_price),
    formatMoney(position.last_price),
    formatMoney(position.value),
    formatMoney(position.realised_gain),
  ]);
  const headings = ["Name", "ISIN", "Units", "Average price", "Last price", "Value", "Realised gain"];
  const positionTable = table(headings, rows);
  return held.length
    ? element("section", {}, chart(held, Number(value)), positionTable)
    : element("section", {}, positionTable);
}
