"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true, displaylogo: false, showTips: false };
  const places = Array.from(document.querySelectorAll("[data-chart]"));
  /* what is left of A4 within its margins, in CSS pixels */
  const PAPER = 680;
  const LONGEST = 880;
  let closed = [];

  /* lower than on a screen, and never higher than a page */
  function onPaper(place) {
    return Math.min(LONGEST, Math.max(300, 0.75 * (figures[place.dataset.chart].layout.height || 450)));
  }

  function draw(place) {
    if (place.dataset.drawn) {
      return;
    }
    place.dataset.drawn = "yes";
    const figure = figures[place.dataset.chart];
    place.hidden = false;
    const layout = Object.assign({}, figure.layout, {
      autosize: true,
      dragmode: false,
      font: { family: "arial, sans-serif", size: 13, color: "#212b32" },
      margin: { l: 48, r: 12, t: 36, b: 48 },
      legend: Object.assign({ orientation: "h", x: 0, y: 1, yanchor: "bottom", itemclick: false, itemdoubleclick: false }, figure.layout.legend),
    });
    Plotly.newPlot(place, figure.data, layout, config).then(
      function () {
        if (!place.dataset.printing) {
          place.closest("figure").querySelector("details").open = false;
        }
      },
      function () {
        place.hidden = true;
      }
    );
  }

  if ("IntersectionObserver" in window) {
    /* a table of a thousand columns has a thousand charts: draw those that are looked at */
    const observer = new IntersectionObserver(
      function (entries) {
        entries.filter((e) => e.isIntersecting).forEach(function (entry) {
          observer.unobserve(entry.target);
          draw(entry.target.querySelector("[data-chart]"));
        });
      },
      { rootMargin: "400px" }
    );
    places.forEach((place) => observer.observe(place.closest("figure")));
  } else {
    places.forEach(draw);
  }

  /* paper shows all: every fold open, and every chart as wide as the paper, above the table of its numbers */
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(function (fold) {
      fold.open = true;
    });
    places.forEach(function (place) {
      place.dataset.printing = "yes";
      draw(place);
      Plotly.relayout(place, { autosize: false, width: PAPER, height: onPaper(place) });
    });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (fold) {
      fold.open = false;
    });
    places.forEach(function (place) {
      delete place.dataset.printing;
      Plotly.relayout(place, { autosize: true, width: null, height: figures[place.dataset.chart].layout.height });
    });
  });
})();
