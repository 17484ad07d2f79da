// Pins the colour scheme that the person chose, before the first paint, and runs the switch in the top bar.
(() => {
  const KEY = "serpent-theme";
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;

  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return ORDER.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  }

  function apply(theme) {
    if (theme === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
  }

  apply(chosen());

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    const label = () => {
      const text = `Colours: ${chosen()}`;
      button.title = text;
      button.setAttribute("aria-label", `${text}. Press to change.`);
    };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Without storage the choice lasts for this page.
      }
      apply(next);
      label();
    });
  });
})();
