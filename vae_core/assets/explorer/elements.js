// Small helpers for elements. Text comes in as text nodes and attributes only, never as markup.

/** An element with attributes, listeners (functions) and children (elements or text). */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A number as people write it: two decimals and a true minus sign. */
const written = (value) => value.toFixed(2).replace("-", "−").replace("−0.00", "0.00");

/** "z₁", "z₂", … for dimensions counted from 0. */
const dimension = (index) => "z" + String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

/** A canvas for `width` × `height` CSS pixels that is sharp on any screen; returns its context in CSS pixels. */
function sharp(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Whether the page around is dark: JupyterLab says so on its body, other pages on their root, or else the system does. */
function isDark() {
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false";
  const { theme, mode } = document.documentElement.dataset;
  for (const said of [theme, mode]) if (said === "dark" || said === "light") return said === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Calls `change(dark)` now and whenever the theme changes, as long as `host` is on the page. */
function followTheme(host, change) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const watcher = new MutationObserver(tell);
  function tell() {
    if (host.isConnected) return change(isDark());
    watcher.disconnect();
    system.removeEventListener("change", tell);
  }
  const attributes = { attributes: true, attributeFilter: ["data-jp-theme-light", "data-theme", "data-mode"] };
  watcher.observe(document.body, attributes);
  watcher.observe(document.documentElement, attributes);
  system.addEventListener("change", tell);
  tell();
}

/** Runs `work` once before the next picture is drawn, however often it is asked. */
function once(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}
