// The viewer of a build log: follows it live, pauses, finds the first error, links to lines.
const SHOWN_BYTES = 6 * 1024 * 1024; // of a longer log only the end is shown here; the raw one is whole
const CHUNK_LINES = 400;
const ERROR =
  /(^|[\s\]:])(fatal error|error|FAILED|Error|fatal|panic)(:|\s\d+\b|\[|$)|undefined reference to|^Traceback \(most recent|command not found|^\*\*\* |ninja: build stopped|: No such file or directory$/;
const STAGE = /^(==>|::|-->|# phase)/;
const ESCAPES = /\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*\u0007|[@-Z\\-_])/g;

class LogView {
  constructor(box, tools) {
    this.box = box;
    this.tools = tools;
    this.isFollowing = box.hasAttribute("data-open");
    this.isPaused = false;
    this.waiting = []; // text that arrived while paused
    this.rest = ""; // of a line whose end has not arrived
    this.count = 0;
    this.bytes = 0;
    this.places = []; // [byte offset, element], ascending
    this.firstError = null;
    const size = Number(box.dataset.size);
    this.start = size > SHOWN_BYTES ? size - SHOWN_BYTES / 2 : 0;
    this.offset = this.start;
    this.encoder = new TextEncoder();
  }

  begin() {
    this.tools.hidden = false;
    this.box.replaceChildren();
    this.button("[data-follow]", () => this.follow(!this.isFollowing));
    this.button("[data-pause]", () => this.pause(!this.isPaused));
    this.button("[data-first-error]", () => this.goTo(this.firstError));
    this.box.addEventListener("wheel", (event) => event.deltaY < 0 && this.follow(false), { passive: true });
    this.box.addEventListener("keydown", (event) => /^(ArrowUp|PageUp|Home)$/.test(event.key) && this.follow(false));
    window.addEventListener("hashchange", () => this.goToHash());
    if (this.box.hasAttribute("data-open")) this.listen();
    else this.fetchAll();
  }

  button(selector, action) {
    this.tools.querySelector(selector).addEventListener("click", action);
  }

  say(text) {
    this.tools.querySelector("[data-state]").textContent = text;
  }

  listen() {
    const source = new EventSource(`${this.box.dataset.stream}?offset=${this.start}`);
    source.addEventListener("open", () => this.say("Live"));
    source.addEventListener("log", (event) => {
      const { offset, text } = JSON.parse(event.data);
      this.take(text, offset);
    });
    source.addEventListener("end", (event) => {
      source.close();
      this.pause(false);
      this.flush();
      this.say(`Ended: ${JSON.parse(event.data).status}`);
      this.tools.querySelector("[data-pause]").hidden = true;
    });
    source.addEventListener("error", () => this.say("Connecting again …"));
  }

  async fetchAll() {
    this.say("Loading …");
    try {
      const headers = this.start ? { Range: `bytes=${this.start}-` } : {};
      const response = await fetch(this.box.dataset.raw, { headers });
      if (!response.ok) throw new Error(String(response.status));
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let offset = this.start;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        this.take(decoder.decode(value, { stream: true }), offset);
        offset += value.length;
      }
      this.flush();
      this.say(this.start ? "The end of the log; the raw one is whole" : `${this.count} lines`);
      this.goToHash();
    } catch {
      this.say("The log cannot be loaded; try the raw one");
    }
  }

  take(text, offset) {
    if (this.isPaused) {
      this.waiting.push([text, offset]);
      this.say(`Paused, ${this.waiting.length} ${this.waiting.length === 1 ? "block waits" : "blocks wait"}`);
      return;
    }
    this.offset = offset - this.encoder.encode(this.rest).length;
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop();
    this.append(lines);
  }

  flush() {
    if (!this.rest) return;
    const line = this.rest;
    this.rest = "";
    this.append([line]);
  }

  append(lines) {
    for (const raw of lines) {
      if (!this.chunk || this.chunk.childElementCount >= CHUNK_LINES) {
        this.chunk?.classList.add("full"); // need not be painted while it is out of sight
        this.chunk = document.createElement("ol");
        this.chunk.className = "chunk";
        this.box.append(this.chunk);
      }
      const line = this.line(raw);
      this.places.push([this.offset, line]);
      this.offset += this.encoder.encode(raw).length + 1;
      this.chunk.append(line);
    }
    if (this.isFollowing) this.toEnd();
    this.goToHash(true);
  }

  line(raw) {
    const text = raw.replace(/\r$/, "").split("\r").pop().replace(ESCAPES, "");
    const line = document.createElement("li");
    const link = document.createElement("a");
    const words = document.createElement("span");
    this.count += 1;
    // Lines of a log whose beginning is not shown have no number that would stay true.
    if (!this.start) {
      line.id = `L${this.count}`;
      link.href = `#L${this.count}`;
      link.textContent = this.count;
    }
    words.textContent = text;
    line.append(link, words);
    if (STAGE.test(text)) line.classList.add("stage");
    else if (ERROR.test(text)) {
      line.classList.add("error");
      if (!this.firstError) {
        this.firstError = line;
        this.tools.querySelector("[data-first-error]").disabled = false;
      }
    }
    return line;
  }

  follow(on) {
    this.isFollowing = on;
    this.tools.querySelector("[data-follow]").setAttribute("aria-pressed", String(on));
    if (on) this.toEnd();
  }

  toEnd() {
    if (this.isScrolling) return;
    this.isScrolling = true;
    requestAnimationFrame(() => {
      this.isScrolling = false;
      this.box.scrollTop = this.box.scrollHeight;
    });
  }

  pause(on) {
    this.isPaused = on;
    this.tools.querySelector("[data-pause]").setAttribute("aria-pressed", String(on));
    if (on) {
      this.say("Paused");
      return;
    }
    const waiting = this.waiting;
    this.waiting = [];
    for (const [text, offset] of waiting) this.take(text, offset);
    if (this.box.hasAttribute("data-open")) this.say("Live");
  }

  goTo(line) {
    if (!line) return;
    this.follow(false);
    this.box.querySelector("li.target")?.classList.remove("target");
    line.classList.add("target");
    this.box.scrollTop += line.getBoundingClientRect().top - this.box.getBoundingClientRect().top - this.box.clientHeight / 3;
    this.box.scrollIntoView({ block: "nearest" });
  }

  // `#L12` names a line, `#offset-4711` the line that holds that byte; a line that has not come yet is waited for.
  goToHash(onlyNew = false) {
    const hash = location.hash;
    if (!hash || (onlyNew && this.shownHash === hash)) return;
    let line = null;
    if (/^#L\d+$/.test(hash)) line = document.getElementById(hash.slice(1));
    else if (/^#offset-\d+$/.test(hash)) {
      const wanted = Number(hash.slice(8));
      const latest = this.places.at(-1);
      if (latest && (latest[0] >= wanted || !onlyNew)) {
        line = (this.places.findLast(([offset]) => offset <= wanted) ?? this.places[0])[1];
      }
    }
    if (line) {
      this.shownHash = hash;
      this.goTo(line);
    }
  }
}

const box = document.querySelector("[data-log]");
const tools = document.querySelector("[data-log-tools]");
if (box && tools) new LogView(box, tools).begin();
