/* What Gradio's parts lack for keyboards and screen readers: names, states, shortcuts, a place for the focus, and the
   language that the page is in.

   Gradio draws its parts anew whenever something changes, so they are mended after each change of the page. */

window.access = (() => {
  /* keys with Ctrl (or Cmd) or Alt, and the button that each presses */
  const KEYS = { "Control+Enter": "#again", "Alt+ArrowUp": "#undo", "Control+s": "#save" };

  const LARGE_FILE = "exceed the maximum allowed size";

  const find = (selector) => document.querySelector(selector);
  const all = (selector) => document.querySelectorAll(selector);
  let focused = null;
  let spoken = []; /* of each message that is not the visitor's, whether it is in the model's own words */

  function set(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  function mend() {
    /* a photograph is called by what it shows, not "Thumbnail 1 of 12" */
    for (const photo of all("#gallery .thumbnail-item")) set(photo, "aria-label", photo.querySelector("img")?.alt || "");
    /* the visible words of the place to drop a picture are its name */
    for (const drop of all("#picture button.upload-container")) {
      if (drop.innerText.trim()) drop.removeAttribute("aria-label");
    }
    /* what unfolds says whether it is unfolded */
    for (const fold of all("button.label-wrap")) set(fold, "aria-expanded", String(fold.classList.contains("open")));
    for (const line of all("#chat .thought-group > .title")) {
      set(line, "aria-expanded", String(line.classList.contains("expanded")));
      for (const arrow of line.querySelectorAll("button")) arrow.inert = true; /* the whole line is the button */
    }
    /* a button within a button, to fold a message that is gone in seconds; the inner one closes it, and stays */
    for (const head of all(".toast-header[role]")) {
      head.removeAttribute("role");
      head.removeAttribute("tabindex");
    }
    for (const question of all("#question textarea")) set(question, "aria-keyshortcuts", "/");
    for (const [keys, button] of Object.entries(KEYS)) if (find(button)) set(find(button), "aria-keyshortcuts", keys);
    for (const stop of all("#stop")) set(stop, "aria-keyshortcuts", "Escape");
    for (const questions of all("#suggestions")) set(questions, "lang", "en"); /* the model reads no other */
    all("#chat [data-testid=bot]").forEach((message, place) => {
      if (spoken[place]) set(message, "lang", "en");
      else message.removeAttribute("lang");
    });
    const title = find("#title h1")?.innerText;
    if (title && !document.title.startsWith(title)) document.title = `${title} · BLIP-2`;
    keepFocus();
  }

  /* the messages as the server sends them, with its mark on those that the model speaks; our own are in the page's
     language */
  function noteSpoken(messages) {
    const others = (messages ?? []).filter(({ role }) => role === "assistant");
    spoken = others.map(({ metadata }) => metadata?.id === "spoken");
    mend();
    return [];
  }

  /* a button that had the focus is gone: Send gives way to Stop, and Stop to Send */
  function keepFocus() {
    const lost = focused && !focused.isConnected && [document.body, null].includes(document.activeElement);
    if (!lost) return;
    const heir = { send: "#stop", stop: "#question textarea" }[focused.id];
    if (heir && find(heir)) find(heir).focus();
  }

  /* Gradio names the language of the browser, or the one chosen in its settings, also where the page has it not. */
  function noteLanguage() {
    const root = document.documentElement, language = root.lang.split("-")[0];
    if (!pageLanguages.includes(language)) root.lang = "en";
    else document.cookie = `${languageCookie}=${language}; path=/; samesite=lax`;
  }
  new MutationObserver(noteLanguage).observe(document.documentElement, { attributeFilter: ["lang"] });

  /* Gradio's own code for the browser refuses a file of too many bytes, in English and in its own words */
  function sayLargeFile() {
    const language = document.documentElement.lang.split("-")[0];
    for (const text of all(".toast-message-text")) {
      if (!text.textContent.includes(LARGE_FILE)) continue;
      text.textContent = largeFile[language] ?? largeFile.en;
      const title = text.closest(".toast-body")?.querySelector(".toast-title");
      if (title) title.textContent = notYet[language] ?? notYet.en;
    }
  }

  let waiting = false;
  new MutationObserver(() => {
    sayLargeFile(); /* at once, before anybody sees or hears the other */
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      mend();
    });
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class", "alt"] });

  document.addEventListener("focusin", (event) => (focused = event.target));

  /* the button of a key with Ctrl or Alt; what stands in the question box is sent first */
  function buttonOf(event) {
    if (event.shiftKey || (event.ctrlKey || event.metaKey) === event.altKey) return null;
    const button = KEYS[`${event.altKey ? "Alt" : "Control"}+${event.key}`];
    const written = button === "#again" && find("#question textarea").value.trim();
    return find(written ? "#send" : button);
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      const button = buttonOf(event);
      if (!button || button.disabled) return;
      event.preventDefault();
      return button.click();
    }
    const writing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
    if (event.key === "/" && !writing) {
      event.preventDefault();
      find("#question textarea").focus();
    } else if (event.key === "Escape" && find("#stop")) find("#stop").click();
  });

  return { noteSpoken };
})();
