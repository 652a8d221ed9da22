/* What Gradio cannot do by itself: a drawing board, pictures pasted with Ctrl+V or dropped anywhere, a hidden button.
   Pictures go to the server through the hidden upload button, as any other file. */

window.page = (() => {
  const MOST_UNDONE = 20;
  let pen = "#1c1917", undone = [], last = null;

  const find = (selector) => document.querySelector(selector);
  const canvas = () => find("#board canvas");

  function hand(file) {
    const input = find("#out-of-sight input[type=file]");
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    find("#picture").scrollIntoView({ block: "nearest" });
  }

  function press(selector) {
    /* once Gradio has drawn the new address of the file */
    requestAnimationFrame(() => requestAnimationFrame(() => find(selector).click()));
  }

  function brush() {
    const board = canvas(), context = board.getContext("2d", { willReadFrequently: true });
    if (!board.dataset.white) {
      board.dataset.white = "yes";
      context.fillStyle = "white";
      context.fillRect(0, 0, board.width, board.height);
    }
    context.strokeStyle = pen;
    context.lineWidth = find("#board input[type=range]").value;
    context.lineCap = context.lineJoin = "round";
    return context;
  }

  function place(event) {
    const box = canvas().getBoundingClientRect();
    const scale = canvas().width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  function draw(event) {
    const context = brush(), here = place(event);
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...here);
    context.stroke();
    last = here;
  }

  const tools = {
    undo: () => undone.length && brush().putImageData(undone.pop(), 0, 0),
    clear: () => {
      remember();
      const context = brush();
      context.fillStyle = "white";
      context.fillRect(0, 0, canvas().width, canvas().height);
    },
    use: () => {
      brush();
      canvas().toBlob((blob) => hand(new File([blob], "drawing.png", { type: "image/png" })));
    },
  };

  function remember() {
    undone.push(brush().getImageData(0, 0, canvas().width, canvas().height));
    if (undone.length > MOST_UNDONE) undone.shift();
  }

  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#board canvas")) return;
    event.preventDefault();
    remember();
    last = place(event);
    canvas().setPointerCapture(event.pointerId);
    draw(event);
  });
  document.addEventListener("pointermove", (event) => last && draw(event));
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (last = null));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#board button");
    if (!button) return;
    if (button.dataset.pen) {
      pen = button.dataset.pen;
      for (const other of document.querySelectorAll("#board .pen")) other.ariaPressed = other === button;
    } else tools[button.dataset.board]();
  });

  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    hand(file);
  }, true);

  /* A file that is dropped beside the picture's empty place would be opened by the browser, and one on a picture that
     is there would only take that away; in both cases the conversation would be gone. What is dragged from the page
     itself, a photograph for one, stays where it is. */
  let ownDrag = false;

  function brings(event) {
    const left = event.target.closest?.("#picture") && !find("#picture img"); /* to Gradio, which does it well */
    if (left || !event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  document.addEventListener("dragstart", () => (ownDrag = true));
  document.addEventListener("dragend", () => (ownDrag = false));
  document.addEventListener("dragover", (event) => {
    if (brings(event)) event.dataTransfer.dropEffect = ownDrag ? "none" : "copy";
  }, true);
  document.addEventListener("drop", (event) => {
    if (!brings(event) || ownDrag) return;
    const files = [...event.dataTransfer.files];
    const file = files.find(({ type }) => type.startsWith("image/")) ?? files[0];
    if (file) hand(file);
  }, true);

  /* links to conversations: the server knows what stands behind the "#", the browser knows what stands before it */
  const LINK = /^(photo|picture)=/;

  function linkText() {
    const text = location.hash.slice(1);
    return LINK.test(text) ? text : "";
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const box = document.body.appendChild(document.createElement("textarea"));
      box.value = text;
      box.select();
      const copied = document.execCommand("copy");
      box.remove();
      return copied;
    }
  }

  /* in `said` the server sends what to say in either case */
  async function copyLink(text, said) {
    if (!LINK.test(text)) return [text, said];
    const link = `${location.origin}${location.pathname}#${text}`;
    const told = new DOMParser().parseFromString(said, "text/html").body.firstElementChild;
    told.role = "status";
    told.textContent = (await copy(link)) ? told.dataset.copied : told.dataset.yourself;
    return [link, told.outerHTML];
  }

  addEventListener("hashchange", () => linkText() && location.reload());

  /* the map over the picture: only the browser has to know how strong it is */
  const setHeat = (on, strength) => document.documentElement.style.setProperty("--heat", on ? strength : 0);

  return { press, linkText, copyLink, setHeat };
})();
