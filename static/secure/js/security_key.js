/* <form data-security-key="create" or "get" data-options="ID of the JSON">: asks a security key and sends its answer with the form. */
"use strict";
(function () {
  function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (c) {
      return c.charCodeAt(0);
    });
  }

  function text(buffer) {
    const plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function withBytes(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) {
      options.user.id = bytes(options.user.id);
    }
    (options.allowCredentials || options.excludeCredentials || []).forEach(function (each) {
      each.id = bytes(each.id);
    });
    return options;
  }

  function asJson(found) {
    const response = { clientDataJSON: text(found.response.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (found.response[name]) {
        response[name] = text(found.response[name]);
      }
    });
    return JSON.stringify({ id: found.id, rawId: text(found.rawId), type: found.type, response: response, clientExtensionResults: {} });
  }

  function ask(event) {
    const form = event.target;
    const answer = form.elements.answer;
    if (answer.value) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const said = form.querySelector("[data-said]");
    said.textContent = "Waiting for the key…";
    const options = withBytes(JSON.parse(document.getElementById(form.dataset.options).textContent));
    navigator.credentials[form.dataset.securityKey]({ publicKey: options }).then(
      function (found) {
        answer.value = asJson(found);
        form.requestSubmit();
      },
      function () {
        said.textContent = "The key gave no answer, or is not one of yours. Try again.";
      }
    );
  }

  document.querySelectorAll("form[data-security-key]").forEach(function (form) {
    if (window.PublicKeyCredential && navigator.credentials) {
      form.hidden = false;
      form.elements.answer.value = "";
      form.addEventListener("submit", ask);
      document.querySelectorAll("[data-without-keys]").forEach(function (each) {
        each.hidden = true;
      });
    }
  });
})();
