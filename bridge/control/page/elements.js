// Small helpers for making elements, and for what a browser remembers of this page.

export function element(name, properties = {}, ...children) {
  const found = Object.assign(document.createElement(name), properties);
  found.append(...children);
  return found;
}

export function button(text, onclick, properties = {}) {
  return element("button", { type: "button", textContent: text, onclick, ...properties });
}

// A button that asks before it does it.
export function twice(tool, question) {
  const does = tool.onclick;
  const before = tool.textContent;
  tool.onclick = () => {
    if (tool.textContent === question) does();
    else tool.textContent = question;
  };
  tool.onblur = () => { tool.textContent = before; };
  return tool;
}

export function gigabytes(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

// What is remembered in this browser; a private window may forbid it, and then nothing is.
export function remembered(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`spout-bridge:${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`spout-bridge:${name}`, JSON.stringify(value));
  } catch {
    // Forbidden or full: the page works without it.
  }
}
