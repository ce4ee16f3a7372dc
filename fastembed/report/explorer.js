"use strict";

/** Words and the directions of their vectors; how long a vector is makes no difference to a cosine. */
class Vectors {
  /** words: list of N strings; dim: D; rows: base64 of N x D signed bytes. */
  constructor({ words, dim, rows }) {
    this.words = words;
    this.dim = dim;
    const text = atob(rows);
    this.rows = new Int8Array(text.length);
    for (let i = 0; i < text.length; i++) this.rows[i] = text.charCodeAt(i);
    this.lengths = words.map((_, row) => Math.sqrt(this.row(row).reduce((sum, x) => sum + x * x, 0)) || 1);
    this.index = new Map(words.map((word, row) => [word, row]));
    this.folded = new Map();
    words.forEach((word, row) => {
      if (!this.folded.has(word.toLowerCase())) this.folded.set(word.toLowerCase(), row);
    });
  }

  row(number) {
    return this.rows.subarray(number * this.dim, (number + 1) * this.dim);
  }

  /** The row of what somebody typed, or undefined. */
  find(text) {
    return this.index.get(text) ?? this.index.get(text.trim()) ?? this.folded.get(text.trim().toLowerCase());
  }

  /** At most `count` words with this text in them, those that begin with it first. */
  matching(text, count) {
    const wanted = text.trim().toLowerCase();
    const found = this.words.filter((word) => word.toLowerCase().includes(wanted));
    const first = found.filter((word) => word.toLowerCase().startsWith(wanted));
    return [...new Set([...first.slice(0, count), ...found.slice(0, count)])].slice(0, count);
  }

  /** The words nearest to a weighted sum of directions [[row, weight], ...], without these: [{row, cosine}, ...]. */
  nearest(asked, count) {
    const query = new Float64Array(this.dim);
    for (const [row, weight] of asked) {
      this.row(row).forEach((x, d) => (query[d] += (weight * x) / this.lengths[row]));
    }
    const length = Math.sqrt(query.reduce((sum, x) => sum + x * x, 0)) || 1;
    const own = new Set(asked.map(([row]) => row));
    const best = [];
    for (let row = 0; row < this.words.length; row++) {
      if (own.has(row)) continue;
      let sum = 0;
      for (let d = 0, i = row * this.dim; d < this.dim; d++) sum += query[d] * this.rows[i + d];
      const cosine = sum / (length * this.lengths[row]);
      let place = best.length;
      while (place > 0 && best[place - 1].cosine < cosine) place--;
      if (place < count) best.splice(place, 0, { row, cosine });
      if (best.length > count) best.pop();
    }
    return best;
  }
}

/** The plane of words on a canvas: drag, wheel or pinch to move and zoom, click to choose. */
class Plane {
  /** x, y: places of the words, in whole numbers from 0; choose: function of the row that was clicked. */
  constructor(canvas, words, { x, y }, choose) {
    Object.assign(this, { canvas, words, x, y, choose });
    this.pen = canvas.getContext("2d");
    this.labels = words.map((word) => (word.length > 40 ? [...word].slice(0, 40).join("") + "…" : word));
    this.widths = [];
    this.boxes = []; // [left, top, right, bottom, row] of the labels that are drawn
    this.asked = [];
    this.answers = [];
    this.hovered = null;
    this.touches = new Map(); // pointer -> [x, y]
    this.listen();
    new ResizeObserver(() => (this.least ? this.draw() : this.whole())).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show all words. */
  whole() {
    const [wide, high] = [this.x, this.y].map((places) => places.reduce((a, b) => Math.max(a, b), 1));
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.scale = this.least = Math.max(1e-6, Math.min((width - 80) / wide, (height - 40) / high));
    this.left = (width - wide * this.scale) / 2;
    this.top = (height - high * this.scale) / 2;
    this.draw();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(200 * this.least, Math.max(this.least / 2, this.scale * factor));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  /** Mark these rows; the first one moves into sight. */
  mark(asked, answers) {
    Object.assign(this, { asked, answers });
    const [x, y] = this.place(asked[0]);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (x < 20 || x > width - 60 || y < 20 || y > height - 20) {
      this.left += width / 2 - x;
      this.top += height / 2 - y;
    }
    this.draw();
  }

  place(row) {
    return [this.left + this.x[row] * this.scale, this.top + this.y[row] * this.scale];
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const { pen, canvas } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const sharp = devicePixelRatio || 1;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    pen.scale(sharp, sharp);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue("--" + name);
    pen.font = "13px " + style.fontFamily;
    const marked = new Map([...this.answers.map((row) => [row, "near"]), ...this.asked.map((row) => [row, "asked"])]);
    if (this.hovered !== null && !marked.has(this.hovered)) marked.set(this.hovered, "ink");
    const seen = this.words.map((_, row) => row).filter((row) => {
      const [x, y] = this.place(row);
      return x > -5 && y > -5 && x < width + 5 && y < height + 5;
    });
    const first = [...marked.keys()].reverse().filter((row) => seen.includes(row));
    this.boxes = [];
    for (const row of seen) this.dot(row, colour(marked.get(row) ?? "faint"), marked.has(row) ? 4 : 2);
    for (const row of first) this.label(row, colour(marked.get(row)), marked.get(row) !== "near");
    for (const row of seen) if (!marked.has(row)) this.label(row, colour("label"), false);
  }

  dot(row, colour, radius) {
    this.pen.fillStyle = colour;
    this.pen.beginPath();
    this.pen.arc(...this.place(row), radius, 0, 7);
    this.pen.fill();
  }

  /** Write a word beside its dot unless that covers another one; frequent words come first. */
  label(row, colour, always) {
    const [x, y] = this.place(row);
    this.widths[row] ??= this.pen.measureText(this.labels[row]).width;
    const box = [x + 6, y - 8, x + 6 + this.widths[row], y + 8, row];
    if (!always && this.boxes.some((b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3])) return;
    this.boxes.push(box);
    this.pen.fillStyle = colour;
    this.pen.fillText(this.labels[row], x + 6, y + 4);
  }

  /** The row whose label or dot is here, or null. */
  at(x, y) {
    const box = this.boxes.find((b) => x >= b[0] && x <= b[2] && y >= b[1] && y <= b[3]);
    if (box) return box[4];
    let found = null;
    let nearest = 12;
    for (let row = 0; row < this.words.length; row++) {
      const [left, top] = this.place(row);
      const distance = Math.hypot(left - x, top - y);
      if (distance < nearest) [nearest, found] = [distance, row];
    }
    return found;
  }

  listen() {
    const { canvas } = this;
    const here = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...here(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.touches.set(event.pointerId, here(event));
      this.travelled = this.touches.size > 1 ? 1e9 : 0;
    });
    canvas.addEventListener("pointermove", (event) => this.moved(event.pointerId, here(event)));
    canvas.addEventListener("pointerup", (event) => {
      const row = this.travelled < 5 ? this.at(...here(event)) : null;
      if (row !== null) this.choose(row);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.touches.delete(event.pointerId));
    }
  }

  /** A pointer went to (x, y): fingers that are down move and, if two, stretch the plane; a mouse looks. */
  moved(pointer, [x, y]) {
    if (!this.touches.has(pointer)) {
      const before = this.hovered;
      this.hovered = this.at(x, y);
      this.canvas.style.cursor = this.hovered === null ? "grab" : "pointer";
      if (this.hovered !== before) this.draw();
      return;
    }
    const [before, spread] = this.grip();
    this.touches.set(pointer, [x, y]);
    const [after, wider] = this.grip();
    this.travelled += Math.hypot(after[0] - before[0], after[1] - before[1]);
    this.left += after[0] - before[0];
    this.top += after[1] - before[1];
    this.zoom(spread && wider ? wider / spread : 1, ...after);
  }

  /** [middle of the pointers that are down, the distance between the first two or 0]. */
  grip() {
    const points = [...this.touches.values()];
    const middle = [0, 1].map((k) => points.reduce((sum, point) => sum + point[k], 0) / points.length);
    return [middle, points.length < 2 ? 0 : Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1])];
  }
}

/** Connects the page's forms, list and plane. */
function start(data) {
  const byId = (id) => document.getElementById(id);
  const vectors = new Vectors(data);
  const plane = new Plane(byId("plane"), data.words, data, (row) => neighbours(row));
  const inputs = ["word", "a", "b", "c"].map(byId);

  function show(title, asked, weights) {
    const answers = vectors.nearest(asked.map((row, i) => [row, weights[i]]), 15);
    byId("message").textContent = "";
    byId("title").textContent = title;
    byId("answers").replaceChildren(...answers.map(({ row, cosine }) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const number = document.createElement("span");
      button.textContent = data.words[row];
      button.addEventListener("click", () => neighbours(row));
      number.textContent = cosine.toFixed(3);
      item.style.setProperty("--share", Math.max(0, cosine));
      item.append(button, number);
      return item;
    }));
    plane.mark(asked, answers.map(({ row }) => row));
  }

  function neighbours(row) {
    byId("word").value = data.words[row];
    show(`Nearest to ${data.words[row]}`, [row], [1]);
  }

  /** The rows of words that were typed, or null after saying which one is not here. */
  function rows(texts) {
    const found = texts.map((text) => vectors.find(text));
    const missing = texts.find((text, i) => found[i] === undefined);
    byId("message").textContent =
      missing === undefined ? "" : `“${missing}” is not among the ${data.words.length.toLocaleString("en")} words of this page.`;
    return missing === undefined ? found : null;
  }

  function search() {
    const found = byId("word").value && rows([byId("word").value]);
    if (found) neighbours(found[0]);
  }

  function analogy() {
    const texts = ["a", "b", "c"].map((id) => byId(id).value);
    const found = texts.every(Boolean) && rows(texts);
    if (found) show(`${texts[0]} is to ${texts[1]} as ${texts[2]} is to`, found, [-1, 1, 1]);
  }

  for (const input of inputs) {
    input.addEventListener("input", () => {
      byId("words").replaceChildren(...vectors.matching(input.value, 20).map((word) => new Option(word, word)));
    });
    input.addEventListener("change", input.id === "word" ? search : analogy);
  }
  for (const [id, action] of [["search", search], ["analogy", analogy]]) {
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      action();
    });
  }
  byId("closer").addEventListener("click", () => plane.zoom(1.5));
  byId("farther").addEventListener("click", () => plane.zoom(1 / 1.5));
  byId("whole").addEventListener("click", () => plane.whole());
}

if (typeof document !== "undefined") start(JSON.parse(document.getElementById("data").textContent));
