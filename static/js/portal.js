// What makes the pages quicker to use. Every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch { /* off */ } };
  const announce = (words) => { const place = $("#announcer"); if (place) { place.textContent = ""; setTimeout(() => { place.textContent = words; }, 50); } };

  const say = (words) => {
    const message = document.createElement("div");
    message.className = "message bad";
    message.setAttribute("role", "alert");
    message.append(Object.assign(document.createElement("p"), { textContent: words }));
    $("#messages")?.replaceChildren(message);
    showMessages();
  };

  // Messages stand at the top; a reader who has scrolled down sees them float.
  const showMessages = () => {
    const place = $("#messages");
    if (!place) return;
    place.classList.toggle("toasts", place.childElementCount > 0 && window.scrollY > 120);
  };

  // --- What appears only with JavaScript ---
  const prepare = (from) => {
    $$("[data-copy][hidden], [data-needs-script][hidden], [data-theme-button], [data-shortcuts-button], [data-search-key]", from).forEach((part) => { part.hidden = false; });
    $$("form[data-guard]", from).forEach((form) => { form.dataset.asLoaded ??= written(form); });
    const summary = $(".error-summary", from);
    if (summary && from === document) summary.focus();
  };
  const written = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken").map(([name, value]) => [name, value instanceof File ? value.name : value]));

  // --- Theme: system, light, dark ---
  const nameTheme = () => {
    const theme = root.dataset.theme || "system";
    $$("[data-theme-button]").forEach((button) => { button.setAttribute("aria-label", `Theme: ${theme}. Change it.`); button.title = `Theme: ${theme}`; });
  };
  const nextTheme = () => {
    const order = ["", "light", "dark"];
    const theme = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    remember("theme", theme);
    nameTheme();
    announce(`Theme: ${theme || "system"}`);
  };

  // --- Clicks ---
  document.addEventListener("click", (event) => {
    const part = event.target.closest("button, a");
    if (!part) return;
    if (part.matches("[data-copy]")) copy(part);
    else if (part.matches("[data-theme-button]")) nextTheme();
    else if (part.matches("[data-shortcuts-button]")) $("#shortcuts")?.showModal();
    else if (part.matches('[aria-disabled="true"]')) {
      event.preventDefault();
      announce(document.getElementById(part.getAttribute("aria-describedby"))?.textContent || "Not available.");
    }
  });
  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
      announce("Copied");
    } catch { announce("Copying is not allowed here"); }
  };

  // --- Keys. Single ones can be switched off (WCAG 2.1.4). ---
  const writing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
  const singleKeys = () => remembered("single-keys") !== "off";
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.altKey) {
      const button = $("[data-alt-enter]", event.target.closest("form") || document);
      if (button) { event.preventDefault(); button.click(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target) || !singleKeys() || $("dialog[open]")) return;
    if (event.key === "/") { const box = $("#search"); if (box) { event.preventDefault(); box.focus(); box.select(); } }
    else if (event.key === "?") $("#shortcuts")?.showModal();
    else if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
    else if (event.key === "s") { if (toSigning()) event.preventDefault(); }
    else if (event.key === "c") $("button[data-claim]", rowHere() || document.createElement("i"))?.click();
  });
  const rowHere = () => document.activeElement.closest("[data-rows] tr, [data-rows] > li");
  const toSigning = () => {
    const control = $("#sign select, #sign input:not([type=hidden], [hidden]), #sign textarea");
    const link = $("a[data-sign]", rowHere() || document.createElement("i"));
    if (control) control.focus();
    else if (link) location.assign(link.dataset.sign);
    return control || link;
  };
  const walk = (step) => {
    const links = $$("[data-rows] tr:not(.group, .pager), [data-rows] > li:not(.pager)").map((row) => $("a", row)).filter(Boolean);
    if (!links.length) return;
    const row = document.activeElement.closest("tr, li");
    const here = links.findIndex((link) => row && row.contains(link));
    links[Math.max(0, Math.min(links.length - 1, here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step))].focus();
  };

  // --- Forms ---
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form");
    if (form?.hasAttribute("data-submit-on-change")) form.requestSubmit();
    if (event.target.matches("[data-keys-switch]")) remember("single-keys", event.target.checked ? "" : "off");
  });
  document.addEventListener("submit", (event) => {
    const asks = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (asks && !window.confirm(asks)) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    if (event.target.hasAttribute("data-guard")) event.target.dataset.leaving = "yes";
  }, true);
  window.addEventListener("beforeunload", (event) => {
    const unsaved = $$("form[data-guard]").some((form) => !form.dataset.leaving && form.dataset.asLoaded !== written(form));
    if (unsaved) event.preventDefault();
  });
  window.addEventListener("pageshow", () => $$("form[data-guard]").forEach((form) => { delete form.dataset.leaving; }));

  // --- Dropping files ---
  const zoneOf = (event) => event.target.closest?.("[data-dropzone] .dropzone");
  ["dragenter", "dragover"].forEach((name) => document.addEventListener(name, (event) => {
    const zone = zoneOf(event);
    if (zone) { event.preventDefault(); zone.classList.add("over"); }
  }));
  ["dragleave", "drop"].forEach((name) => document.addEventListener(name, (event) => zoneOf(event)?.classList.remove("over")));
  document.addEventListener("drop", (event) => {
    const input = zoneOf(event)?.querySelector("input[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  document.addEventListener("htmx:xhr:progress", (event) => {
    const bar = $("progress", event.target.closest("form") || event.target);
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.value = Math.round((100 * event.detail.loaded) / event.detail.total);
    bar.title = `${megabytes(event.detail.loaded)} of ${megabytes(event.detail.total)}`;
  });

  // --- HTMX ---
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.hasAttribute("data-while-visible")) event.preventDefault();  // nobody looks
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const token = $('meta[name="csrf-token"]');
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const isHtml = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/html");
    if (xhr.status >= 400 && !isHtml) { event.detail.shouldSwap = false; say("This did not work. Load the page again and try once more."); }
    // A whole page in answer to a part's request: signed out meanwhile, or a fault. Never a page inside a page.
    else if (isHtml && /^\s*<!doctype/i.test(xhr.responseText) && !event.detail.requestConfig.elt.hasAttribute("hx-select")) {
      event.detail.shouldSwap = false;
      if (xhr.status >= 400) say("This did not work. Load the page again and try once more.");
      else location.assign(xhr.responseURL || location.href);
    }
  });
  document.addEventListener("htmx:sendError", () => say("The portal cannot be reached. What you typed is still here; try again."));
  document.addEventListener("htmx:timeout", () => say("The portal did not answer in time. Load the page to see whether it was done."));
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
  document.addEventListener("htmx:beforeRequest", (event) => {
    const more = event.detail.elt.closest("[data-more]");
    if (more) event.detail.elt.closest("#rows, [data-rows], ul, ol, tbody")?.setAttribute("aria-busy", "true");
  });
  const beside = new WeakSet();  // what came out of band is not what the person asked for
  document.addEventListener("htmx:oobBeforeSwap", (event) => { [...event.detail.fragment.children].forEach((part) => beside.add(part)); });
  document.addEventListener("htmx:afterSettle", (event) => {
    $$("[aria-busy]").forEach((part) => part.removeAttribute("aria-busy"));
    showMessages();
    const { elt, requestConfig } = event.detail;
    const cause = requestConfig?.triggeringEvent?.type;
    if (!["click", "submit", "keydown"].includes(cause) || beside.has(event.target)) return;  // polling never moves the focus
    const place = event.target.nodeType === Node.ELEMENT_NODE ? event.target : elt;
    const lost = document.activeElement === document.body || !document.activeElement.isConnected;
    const marked = $("[data-focus], [autofocus]", place);
    if (marked && (lost || marked.matches(".error-summary"))) focusOn(marked);
    else if (lost) focusOn(successor(place, requestConfig.elt) || place);
    if (requestConfig.elt?.hasAttribute?.("data-more")) announce("More rows are shown.");
  });
  // Where the work goes on: the same form again, the first of the new rows, or the heading of the new part.
  const successor = (place, before) => {
    const action = before?.closest?.("form")?.getAttribute("action");
    const again = action && $$("form", place).find((form) => form.getAttribute("action") === action);
    return (again && $("button, input:not([type=hidden])", again)) || (place.matches("tr, li") && $("a, button", place)) || $("h1, h2, h3", place);
  };
  const focusOn = (part) => {
    if (!part.matches("a, button, input, select, textarea, [tabindex]")) part.tabIndex = -1;
    part.focus();
  };

  window.addEventListener("scroll", showMessages, { passive: true });
  prepare(document);
  // The browser's own jump to a form leaves nothing in focus; go on to its first control once that is over.
  const arrive = () => setTimeout(() => { if (location.hash === "#sign") toSigning(); });
  ["load", "hashchange"].forEach((name) => window.addEventListener(name, arrive));
  nameTheme();
  const keys = $("[data-keys-switch]");
  if (keys) keys.checked = singleKeys();
})();
