/* Small manners that every page shares. Everything works without them. */
"use strict";
(function () {
  const GUARD_SECONDS = 20;

  /* <button data-copy="ID">: copies the text of the element with that id and says so. */
  function copyText(button) {
    const source = document.getElementById(button.dataset.copy);
    if (!source) {
      return;
    }
    const label = button.dataset.label || button.textContent;
    button.dataset.label = label;
    const said = function (words) {
      button.textContent = words;
      setTimeout(function () {
        button.textContent = label;
      }, 2500);
    };
    const failed = function () {
      getSelection().selectAllChildren(source);
      said("Selected: press Ctrl and C");
    };
    if (!navigator.clipboard) {
      failed();
      return;
    }
    navigator.clipboard.writeText(source.textContent.trim()).then(function () {
      said("Copied");
    }, failed);
  }

  /* A form is sent once: a second click on its button while the first is on its way does nothing. The server holds to it anyway. */
  function sendOnce(event) {
    const form = event.target;
    if (form.method !== "post") {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    setTimeout(function () {
      release(form);
    }, GUARD_SECONDS * 1000);
  }

  function release(form) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (button) {
      copyText(button);
    }
  });
  document.addEventListener("submit", sendOnce);
  /* Coming back with the browser's back button shows the page as it was left: the form must work again. */
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(release);
  });
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    button.hidden = false;
  });
  /* <button data-print hidden> */
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      window.print();
    });
  });
})();
