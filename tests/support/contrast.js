// The texts of a page whose contrast with what is behind them is below AA, and the controls that
// have no name or are smaller than 24 px. Run in the page by tests.
(() => {
  const channel = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const parsed = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a),
    b * a + z * (1 - a), 1];
  const light = ([r, g, b]) => [r, g, b].map((part) => channel(part / 255))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    const found = [];
    for (let e = element; e; e = e.parentElement) {
      const back = parsed(getComputedStyle(e).backgroundColor);
      if (back[3]) found.push(back);
      if (back[3] === 1) break;
    }
    return found.reverse().reduce((below, back) => over(back, below), [255, 255, 255, 1]);
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true,
    visibilityProperty: true }) && element.getClientRects().length;
  const pale = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !seen(element) || element.closest(":disabled,script")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const [one, other] = [light(over(parsed(style.color), back)), light(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) pale.push(`${node.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  const controls = [...document.querySelectorAll(
    "button,a,input:not([type=file]),select,textarea,summary,[role=slider]")].filter(seen);
  const nameless = controls.filter((e) => !(e.ariaLabel || e.labels?.length
    || e.textContent.trim() || e.title)).map((e) => e.outerHTML.slice(0, 120));
  const small = controls.filter((e) => !e.classList.contains("address") && e.tagName !== "A")
    .filter((e) => Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width) < 23.5)
    .map((e) => e.outerHTML.slice(0, 120));
  return { pale, nameless, small, wide: document.documentElement.scrollWidth - innerWidth };
})()
