"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true, displaylogo: false, showTips: false };

  function draw(place) {
    const figure = figures[place.dataset.chart];
    place.hidden = false;
    const layout = Object.assign({}, figure.layout, {
      autosize: true,
      dragmode: false,
      font: { family: "arial, sans-serif", size: 13, color: "#212b32" },
      margin: { l: 48, r: 12, t: 36, b: 48 },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
    });
    Plotly.newPlot(place, figure.data, layout, config).then(
      function () {
        place.nextElementSibling.open = false;
      },
      function () {
        place.hidden = true;
      }
    );
  }

  const places = document.querySelectorAll("[data-chart]");
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
  /* paper shows the tables */
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
  });
})();
