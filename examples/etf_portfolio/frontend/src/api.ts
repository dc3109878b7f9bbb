// The only file that talks to the back end. Amounts stay the decimal strings that it sends.

const BASE: string = import.meta.env.VITE_API_URL ?? "/api/v1";

export interface Health {
  status: "healthy" | "unhealthy";
  release: string;
  version: string;
  reason?: string;
}

export interface Position {
  isin: string;
  name: string;
  units: string;
  cost: string;
  average_price: string;
  last_price: string;
  value: string;
  realised_gain: string;
}

export interface Summary {
  version: string;
  release: string;
  transactions: number;
  cost: string;
  value: string;
  unrealised_gain: string;
  realised_gain: string;
  positions: Position[];
}

export interface NewTransaction {
  isin: string;
  name: string | null;
  kind: "buy" | "sell";
  units: string;
  price: string;
  fee: string;
  traded_on: string;
}

export interface Transaction extends NewTransaction {
  id: number;
  name: string;
}

export interface TransactionPage {
  items: Transaction[];
  total: number;
}

export interface ShareLink {
  path: string;
  expires_at: string;
}

interface Problem {
  loc: string[];
  msg: string;
}

export class ApiError extends Error {}

function explain(status: number, body: { detail?: string | Problem[] } | null): string {
  const detail = body?.detail;
  if (Array.isArray(detail)) {
    return detail.map((problem) => `${problem.loc.at(-1)}: ${problem.msg}`).join("; ");
  }
  return detail ?? `The server answered with status ${status}.`;
}

async function request<Answer>(path: string, options: RequestInit = {}): Promise<Answer> {
  const headers: HeadersInit = { Accept: "application/json" };
  if (options.body) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(BASE + path, { ...options, headers });
  } catch {
    throw new ApiError("The server cannot be reached.");
  }
  if (response.status === 204) return undefined as Answer;
  // A web page instead of JSON means that something between here and the back end answered.
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) throw new ApiError(explain(response.status, body));
  return body as Answer;
}

export const getHealth = () => request<Health>("/health");
export const getSummary = () => request<Summary>("/analytics/portfolio-summary");
export const listTransactions = () => request<TransactionPage>("/transactions?limit=500");
export const createTransaction = (transaction: NewTransaction) =>
  request<Transaction>("/transactions", { method: "POST", body: JSON.stringify(transaction) });
export const deleteTransaction = (id: number) => request<void>(`/transactions/${id}`, { method: "DELETE" });
export const shareTransactions = () => request<ShareLink>("/transactions/share", { method: "POST" });
