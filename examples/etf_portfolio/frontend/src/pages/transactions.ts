import {
  type NewTransaction,
  type Transaction,
  createTransaction,
  deleteTransaction,
  listTransactions,
  shareTransactions,
} from "../api";
import { element, table } from "../dom";
import { formatMoney, formatUnits } from "../format";

function field(label: string, name: string, attributes: Record<string, string | boolean>): HTMLElement {
  return element("label", {}, label, element("input", { name, ...attributes }));
}

function read(form: HTMLFormElement): NewTransaction {
  const entered = new FormData(form);
  const text = (name: string) => String(entered.get(name) ?? "").trim();
  return {
    isin: text("isin"),
    name: text("name") || null,
    kind: text("kind") === "sell" ? "sell" : "buy",
    units: text("units"),
    price: text("price"),
    fee: text("fee") || "0",
    traded_on: text("traded_on"),
  };
}

function localDate(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

export async function render(): Promise<HTMLElement> {
  const list = element("div");
  const message = element("p", { role: "status" });

  // What a button does, with its outcome said below the form.
  async function attempt(action: () => Promise<string | Node>): Promise<boolean> {
    message.className = "";
    try {
      message.replaceChildren(await action());
      return true;
    } catch (error) {
      message.className = "error";
      message.replaceChildren(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  function row(transaction: Transaction): (Node | string)[] {
    const remove = () =>
      attempt(async () => {
        await deleteTransaction(transaction.id);
        await refresh();
        return "Deleted.";
      });
    const what = `the ${transaction.kind} of ${transaction.name} on ${transaction.traded_on}`;
    return [
      transaction.traded_on,
      transaction.name,
      transaction.isin,
      transaction.kind,
      formatUnits(transaction.units),
      formatMoney(transaction.price),
      formatMoney(transaction.fee),
      element("button", { type: "button", "aria-label": `Delete ${what}`, click: () => void remove() }, "Delete"),
    ];
  }

  async function refresh(): Promise<void> {
    const { items, total } = await listTransactions();
    const headings = ["Date", "Name", "ISIN", "Kind", "Units", "Price", "Fee", ""];
    const count = element("p", {}, total === items.length ? `${total} in all` : `The newest ${items.length} of ${total}`);
    list.replaceChildren(count, table(headings, items.map(row)));
  }

  const form = element(
    "form",
    {
      submit: (event) => {
        event.preventDefault();
        void attempt(async () => {
          const created = await createTransaction(read(form));
          await refresh();
          return `Saved: ${created.kind} ${formatUnits(created.units)} of ${created.name}.`;
        }).then((saved) => saved && form.reset());
      },
    },
    field("ISIN", "isin", { required: true, minlength: "12", maxlength: "12", autocomplete: "off" }),
    field("Name", "name", { maxlength: "120" }),
    element(
      "label",
      {},
      "Kind",
      element("select", { name: "kind" }, element("option", { value: "buy" }, "buy"), element("option", { value: "sell" }, "sell")),
    ),
    field("Units", "units", { required: true, type: "number", min: "0.000001", step: "0.000001" }),
    field("Price", "price", { required: true, type: "number", min: "0.0001", step: "0.0001" }),
    field("Fee", "fee", { type: "number", min: "0", step: "0.0001" }),
    field("Date", "traded_on", { required: true, type: "date", value: localDate() }),
    element("button", { type: "submit" }, "Save"),
  );

  const share = () =>
    attempt(async () => {
      const { path, expires_at } = await shareTransactions();
      const until = new Date(expires_at).toLocaleDateString("en");
      return element("a", { href: path, download: true }, `All transactions as CSV, for whoever has this link, until ${until}`);
    });

  await refresh();
  return element(
    "section",
    {},
    form,
    message,
    list,
    element("button", { type: "button", click: () => void share() }, "Share as CSV"),
  );
}
