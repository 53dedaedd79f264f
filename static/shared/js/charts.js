/*
 * The library that draws (1 MB) is fetched when the first chart comes into view: its address is this script's data-library.
 *
 * Draws every <div data-chart="ID"> from <script type="application/json" id="ID"> (Django's json_script) once it comes into view.
 * The table that follows each chart holds the same numbers and stays when scripts do not run.
 */
"use strict";
(function () {
  const CONFIG = { displayModeBar: false, responsive: true, displaylogo: false, showTips: false };
  const FONT = { family: "arial, sans-serif", size: 14, color: "#212b32" };

  /* Safe for colour-blind readers: real is grey, synthetic NHS blue (Okabe and Ito's palette after them). */
  const COLOURS = ["#768692", "#005eb8", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"];

  /*
   * Plotly reads a few tags in any text it draws (<b>, <a href>): a category of the data that looks like one must stay text.
   * Templates are ours, and line breaks harmless.
   */
  function plain(value, key) {
    if (typeof value === "string") {
      return String(key).endsWith("template") ? value : value.replace(/<(?!br>)/g, "&lt;");
    }
    if (Array.isArray(value)) {
      return value.map(function (each) {
        return plain(each, key);
      });
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(function ([name, each]) {
          return [name, plain(each, name)];
        }),
      );
    }
    return value;
  }

  const LIBRARY = document.currentScript.dataset.library;
  let fetched = null;

  function library() {
    fetched =
      fetched ||
      new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        script.src = LIBRARY;
        script.onload = resolve;
        script.onerror = reject;
        document.head.append(script);
      });
    return fetched;
  }

  function draw(place) {
    if (place.dataset.drawn) {
      return;
    }
    place.dataset.drawn = "yes";
    library().then(
      function () {
        plot(place);
      },
      function () {
        place.hidden = true; /* the table beside it has the numbers */
      },
    );
  }

  function plot(place) {
    const source = document.getElementById(place.dataset.chart);
    if (!source) {
      place.hidden = true;
      return;
    }
    const figure = plain(JSON.parse(source.textContent), "figure");
    const layout = Object.assign({}, figure.layout, { autosize: true });
    delete layout.width;
    delete layout.title; /* the figure's caption says it */
    layout.font = Object.assign({}, FONT, layout.font);
    layout.margin = Object.assign({ l: 56, r: 16, t: 40, b: 56 }, layout.margin);
    layout.legend = Object.assign({ orientation: "h", x: 0, y: 1, yanchor: "bottom" }, layout.legend);
    layout.colorway = layout.colorway || COLOURS;
    ["xaxis", "yaxis"].forEach(function (axis) {
      layout[axis] = Object.assign({ automargin: true }, layout[axis]);
    });
    layout.dragmode = false;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      layout.transition = { duration: 0 };
    }
    place.classList.add("sp-chart--drawn");
    Plotly.newPlot(place, figure.data || [], layout, CONFIG).catch(function () {
      place.hidden = true;
    });
  }

  /* A page that is printed waits for nothing: what can be drawn at once is, and tables stand for the rest. */
  function drawAll() {
    if (typeof Plotly !== "undefined") {
      document.querySelectorAll("[data-chart]").forEach(draw);
    }
  }

  function watch(root) {
    const places = root.querySelectorAll("[data-chart]:not([data-drawn])");
    if (!("IntersectionObserver" in window)) {
      places.forEach(draw);
      return;
    }
    const observer = new IntersectionObserver(
      function (entries) {
        entries.forEach(function (entry) {
          if (entry.isIntersecting) {
            observer.unobserve(entry.target);
            draw(entry.target);
          }
        });
      },
      { rootMargin: "300px" },
    );
    places.forEach(function (place) {
      observer.observe(place);
    });
  }

  watch(document);
  window.addEventListener("beforeprint", drawAll);
  document.body.addEventListener("htmx:afterSwap", function (event) {
    watch(event.target);
  });
})();
