// The texts whose contrast to what is behind them is below 4.5, as WCAG 2 counts it.
const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const parse = (color) => color.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
const behind = (node) => {
  for (let each = node; each; each = each.parentElement) {
    const color = parse(getComputedStyle(each).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const ratio = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
let looked = 0;
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !node.checkVisibility() || node.closest("script, noscript, :disabled")) continue;
  looked += 1;
  const contrast = ratio(parse(getComputedStyle(node).color), behind(node));
  if (contrast < 4.5) found.push(`${node.className || node.tagName}: ${texts.currentNode.data} (${contrast.toFixed(2)})`);
}
return [looked, found];
