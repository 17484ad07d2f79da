// Small comforts on every page: `/` finds, arrows walk the hits, times stay true, hidden tabs do not poll.
const finder = document.querySelector(".finder");

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
    const field = finder?.querySelector("input");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  }
});

finder?.addEventListener("keydown", (event) => {
  const field = finder.querySelector("input");
  if (event.key === "Escape") {
    finder.querySelector(".finder-hits").replaceChildren();
    field.focus();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [field, ...finder.querySelectorAll(".finder-hits a")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length];
  event.preventDefault();
  next.focus();
});

// The words of templatetags/serpent.py, so that a page left open does not lie.
function span(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} d`;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  if (m) return s ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

function refreshTimes() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-when]")) {
    const seconds = (now - Date.parse(time.dateTime)) / 1000;
    if (Math.abs(seconds) > 30 * 86400) continue;
    if (Math.abs(seconds) < 5) time.textContent = "now";
    else time.textContent = seconds < 0 ? `in ${span(seconds)}` : `${span(seconds)} ago`;
  }
  for (const time of document.querySelectorAll("time[data-since]")) {
    time.textContent = clock((now - Date.parse(time.dateTime)) / 1000);
  }
}

setInterval(() => document.hidden || refreshTimes(), 1000);

// A page in a hidden tab need not ask; nor is a field replaced while somebody writes in it. The next tick does.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  const field = document.activeElement?.matches("input, textarea") && part.contains(document.activeElement);
  if ((document.hidden || field) && part.matches("[data-poll]")) event.preventDefault();
});

// A menu closes when the attention goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Copies the text of the element that a button names; without the clipboard the button is not shown.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}
