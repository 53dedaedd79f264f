/* On a wide screen the filters stand open beside the results; on a phone they stay folded until asked for. */
"use strict";
if (window.matchMedia("(min-width: 48.0625em)").matches) {
  document.querySelectorAll("details.sp-facets").forEach(function (facets) {
    facets.open = true;
  });
}
