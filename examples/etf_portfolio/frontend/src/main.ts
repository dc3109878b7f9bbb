import "./style.css";
import { getHealth } from "./api";
import { element } from "./dom";
import logo from "./logo.svg";

type Page = { render: () => Promise<HTMLElement> };

// Each page is a file of its own, fetched when it is first shown.
const ROUTES: Record<string, { title: string; load: () => Promise<Page> }> = {
  "/": { title: "Dashboard", load: () => import("./pages/dashboard") },
  "/transactions": { title: "Transactions", load: () => import("./pages/transactions") },
  "/analytics": { title: "Analytics", load: () => import("./pages/analytics") },
};

const outlet = element("main", { tabindex: "-1" });
const footer = element("footer", {}, "…");
const links = Object.entries(ROUTES).map(([path, route]) => element("a", { href: path }, route.title));

let latest = 0;

async function show(): Promise<void> {
  const path = location.pathname.replace(/(.)\/$/, "$1");
  const route = ROUTES[path];
  for (const link of links) {
    if (link.getAttribute("href") === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${route?.title ?? "Not found"} · ETF Portfolio Tracker`;
  if (!route) {
    outlet.replaceChildren(element("h1", {}, "Not found"), element("p", {}, `There is no page ${path}.`));
    return;
  }
  const mine = ++latest;
  outlet.setAttribute("aria-busy", "true");
  let content: HTMLElement;
  try {
    content = await (await route.load()).render();
  } catch (error) {
    content = element("p", { role: "alert", class: "error" }, error instanceof Error ? error.message : String(error));
  }
  // Somebody who clicks fast sees the page asked for last.
  if (mine !== latest) return;
  outlet.removeAttribute("aria-busy");
  outlet.replaceChildren(element("h1", {}, route.title), content);
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.origin !== location.origin || !((link.getAttribute("href") ?? "") in ROUTES)) return;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
  event.preventDefault();
  if (link.pathname !== location.pathname) history.pushState(null, "", link.href);
  void show();
});

addEventListener("popstate", () => void show());

// A newer release has replaced the files of this one while the page was open: begin anew, but never in a circle.
addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem("reloaded")) return;
  event.preventDefault();
  sessionStorage.setItem("reloaded", "yes");
  location.reload();
});

async function showRelease(): Promise<void> {
  try {
    const health = await getHealth();
    footer.textContent = `Version ${health.version}, release ${health.release}`;
  } catch (error) {
    footer.textContent = error instanceof Error ? error.message : String(error);
  }
}

document
  .querySelector("#app")!
  .replaceChildren(
    element(
      "header",
      {},
      element("img", { src: logo, alt: "", width: "32", height: "32" }),
      element("strong", {}, "ETF Portfolio Tracker"),
      element("nav", { "aria-label": "Pages" }, ...links),
    ),
    outlet,
    footer,
  );
void show().then(() => sessionStorage.removeItem("reloaded"));
void showRelease();
