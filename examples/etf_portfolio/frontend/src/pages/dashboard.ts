import { getSummary } from "../api";
import { element } from "../dom";
import { formatMoney } from "../format";

function figure(label: string, value: string): HTMLElement {
  return element("div", { class: "figure" }, element("dt", {}, label), element("dd", {}, value));
}

export async function render(): Promise<HTMLElement> {
  const summary = await getSummary();
  const figures = element(
    "dl",
    { class: "figures" },
    figure("Value", formatMoney(summary.value)),
    figure("Cost", formatMoney(summary.cost)),
    figure("Unrealised gain", formatMoney(summary.unrealised_gain)),
    figure("Realised gain", formatMoney(summary.realised_gain)),
    figure("Transactions", String(summary.transactions)),
  );
  const hint = element("a", { href: "/transactions" }, "Enter the first transaction");
  return summary.transactions ? element("section", {}, figures) : element("section", {}, figures, element("p", {}, hint));
}
