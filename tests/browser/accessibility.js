// What anybody must be able to count on in a page, whoever they are and however they look at it: returns what is wrong.
() => {
  const wrong = [];
  const named = (element) => `${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""} "${(element.textContent || "").trim().slice(0, 40)}"`;
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === "visible";
  };

  // Language, title, headings, landmarks
  if (!document.documentElement.lang) wrong.push("the page names no language");
  if (!document.title) wrong.push("the page has no title");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("a page has one h1");
  if (document.querySelectorAll("main").length !== 1) wrong.push("a page has one main");
  let level = 0;
  for (const heading of document.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`${named(heading)} follows a heading of level ${level}`);
    level = next;
  }
  for (const nav of document.querySelectorAll("nav")) if (!nav.ariaLabel) wrong.push(`${named(nav)} has no label`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`the id ${id} is there twice`);

  // Names of what can be used
  for (const link of document.querySelectorAll("a[href]"))
    if (!link.textContent.trim() && !link.ariaLabel) wrong.push(`a link to ${link.getAttribute("href")} has no words`);
  for (const control of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
    if (!control.ariaLabel && ![...(control.labels || [])].some((label) => label.textContent.trim())) wrong.push(`${control.name} has no label`);
  for (const button of document.querySelectorAll("button")) if (!button.textContent.trim()) wrong.push("a button has no words");
  for (const picture of document.querySelectorAll("svg"))
    if (picture.getAttribute("aria-hidden") !== "true" && !picture.ariaLabel) wrong.push("a picture has no words");
  for (const frame of document.querySelectorAll("iframe")) if (!frame.title) wrong.push("a frame has no title");
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) wrong.push(`${named(table)} has no caption`);
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) wrong.push(`${named(cell)} has no scope`);
  }
  for (const element of document.querySelectorAll("main *"))
    if (element.scrollWidth > element.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.tabIndex < 0)
      wrong.push(`${named(element)} scrolls, but no key reaches it`);

  // Contrast of every text with what is behind it (WCAG 2.2, 1.4.3)
  const colour = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...numbers.slice(0, 3).map((part) => part * scale), numbers.length > 3 ? numbers[3] : 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => part * a + below[i] * (1 - a));
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const background = colour(getComputedStyle(each).backgroundColor);
      layers.push(background);
      if (background[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || seen.has(element) || element.closest("svg") || !shown(element)) continue;
    seen.add(element);
    const style = getComputedStyle(element), ground = behind(element), ink = over(colour(style.color), ground);
    const [one, other] = [light(ink), light(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) wrong.push(`${named(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  return wrong;
}
