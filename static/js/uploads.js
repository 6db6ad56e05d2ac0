// Several files, one after the other, with progress. Without it the form sends one file and loads the page again.
(() => {
  "use strict";
  const form = document.querySelector("form[data-uploads]");
  if (!form || !window.XMLHttpRequest) return;
  const input = form.querySelector("input[type=file]");
  const bar = form.querySelector("progress");
  const results = form.querySelector(".upload-results");
  const button = form.querySelector("button[type=submit], button:not([type])");
  const limit = Number(form.dataset.limit);
  let sending = false;
  input.multiple = true;

  const tell = (words, bad) => {
    const line = document.createElement("p");
    line.textContent = words;
    if (bad) line.className = "error";
    results.append(line);
  };
  const shown = (name) => [...name].filter((char) => !/[\p{Cc}\p{Cf}]/u.test(char)).join("");

  const send = (file) => new Promise((done) => {
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
    body.append("upload", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.round((100 * event.loaded) / event.total);
      bar.setAttribute("aria-label", `${shown(file.name)}: ${bar.value} %`);
    });
    request.addEventListener("load", () => done(request));
    request.addEventListener("error", () => done(null));
    request.send(body);
  });

  const add = (html) => {
    const part = document.createElement("template");
    part.innerHTML = html;
    document.getElementById("rows").prepend(part.content);
    document.querySelectorAll("#rows [data-copy][hidden]").forEach((copy) => { copy.hidden = false; });
    document.querySelector("[data-no-files]")?.remove();
  };
  const why = (request) => {
    if (!request) return "the portal cannot be reached";
    const part = document.createElement("template");
    part.innerHTML = request.responseText;
    return part.content.querySelector(".message p, [role=alert] p")?.textContent.trim() || `answered ${request.status}`;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending || !input.files.length) return;
    sending = true;
    button.setAttribute("aria-disabled", "true");
    results.replaceChildren();
    bar.hidden = false;
    for (const file of [...input.files]) {
      bar.value = 0;
      const name = shown(file.name);
      if (file.size > limit) { tell(`${name}: too large for this portal`, true); continue; }
      if (!file.size) { tell(`${name}: this file is empty`, true); continue; }
      const request = await send(file);
      if (request?.status === 201) { add(request.responseText); tell(`${name}: stored`); }
      else tell(`${name}: not stored, ${why(request)}`, true);
    }
    bar.hidden = true;
    form.reset();
    sending = false;
    button.removeAttribute("aria-disabled");
    button.focus();
  });
})();
