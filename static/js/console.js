// Small manners of the console: menus close, live parts say when they are stale, filters apply themselves.
(() => {
  "use strict";

  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  // A filter form sends itself when a choice changes; its button stays for those without script.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto-submit]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = "Copied";
  });

  // htmx: errors answered with a fragment (409, 422) are shown in place; a poll that fails is marked, not hidden.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if ([409, 422].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  // Nobody looks: live parts wait. (Not in hx-trigger's brackets: those need eval, which our policy forbids.)
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.closest("[data-live]")) event.preventDefault();
  });
  const mark = (stale) => (event) => {
    const live = event.target.closest?.("[data-live]");
    if (!live) return;
    for (const sign of live.querySelectorAll(".live")) {
      sign.classList.toggle("stale", stale);
      if (stale) sign.textContent = "No connection; trying again";
    }
  };
  document.addEventListener("htmx:sendError", mark(true));
  document.addEventListener("htmx:responseError", mark(true));
  document.addEventListener("htmx:afterSwap", mark(false));

  // After a swap the keyboard goes to what matters: the first wrong field, or what asks for it.
  document.addEventListener("htmx:afterSettle", (event) => {
    const swapped = event.detail.elt;
    const wanted = swapped.querySelector?.('[aria-invalid="true"]') || swapped.querySelector?.("[data-focus]");
    if (wanted && !swapped.closest("[data-live]")) wanted.focus();
  });
})();
