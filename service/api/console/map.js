"use strict";
// The provinces as tiles, each roughly where it is: name, code, name in English, column, row.

const TILES = [
  ["黑龙江", "HL", "Heilongjiang", 7, 1], ["吉林", "JL", "Jilin", 7, 2], ["新疆", "XJ", "Xinjiang", 1, 3],
  ["宁夏", "NX", "Ningxia", 3, 3], ["内蒙古", "NM", "Inner Mongolia", 4, 3], ["北京", "BJ", "Beijing", 5, 3],
  ["天津", "TJ", "Tianjin", 6, 3], ["辽宁", "LN", "Liaoning", 7, 3], ["青海", "QH", "Qinghai", 1, 4],
  ["甘肃", "GS", "Gansu", 2, 4], ["陕西", "SN", "Shaanxi", 3, 4], ["山西", "SX", "Shanxi", 4, 4],
  ["河北", "HE", "Hebei", 5, 4], ["山东", "SD", "Shandong", 6, 4], ["西藏", "XZ", "Tibet", 1, 5],
  ["四川", "SC", "Sichuan", 2, 5], ["重庆", "CQ", "Chongqing", 3, 5], ["河南", "HA", "Henan", 4, 5],
  ["安徽", "AH", "Anhui", 5, 5], ["江苏", "JS", "Jiangsu", 6, 5], ["上海", "SH", "Shanghai", 7, 5],
  ["云南", "YN", "Yunnan", 2, 6], ["贵州", "GZ", "Guizhou", 3, 6], ["湖北", "HB", "Hubei", 4, 6],
  ["江西", "JX", "Jiangxi", 5, 6], ["浙江", "ZJ", "Zhejiang", 6, 6], ["广西", "GX", "Guangxi", 3, 7],
  ["湖南", "HN", "Hunan", 4, 7], ["广东", "GD", "Guangdong", 5, 7], ["福建", "FJ", "Fujian", 6, 7],
  ["台湾", "TW", "Taiwan", 7, 7], ["海南", "HI", "Hainan", 3, 8], ["澳门", "MO", "Macao", 5, 8],
  ["香港", "HK", "Hong Kong", 6, 8],
].map(([name, code, english, column, row]) => ({ name, code, english, column, row }));
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NONE = { numbers: 0, candidates: 0, available: 0, used_day: 0, max_per_day: 0, parked: {} };

let reached = "北京"; // the tile that Tab comes to

function provinceName(name) {
  const tile = TILES.find((each) => each.name === name);
  return language === "en" && tile ? tile.english : name;
}

/** The shade of a tile, which its figures say too: 4 for three quarters or more, 0 for none. */
function shade({ numbers, candidates, available }) {
  if (!numbers) return "none";
  if (!available) return "share-0";
  return `share-${Math.min(4, 1 + Math.floor((available / candidates) * 4))}`;
}

/** The tiles, and whose numbers have no place; a tile that is chosen is told of beside the map. */
function drawMap(provinces, chosen, choose) {
  const figures = new Map(provinces.map((each) => [each.province, each]));
  fill(byId("map"), TILES.map((tile) => drawTile(tile, figures.get(tile.name) || NONE, chosen, choose)));
  drawLegend();
  const placed = new Set(TILES.map((tile) => tile.name));
  const rest = provinces.filter((each) => !placed.has(each.province));
  const count = sum(rest, "numbers");
  byId("nowhere").textContent = count ? text("nowhere", { count: amount(count), available: amount(sum(rest, "available")) }) : "";
}

function drawTile(tile, figures, chosen, choose) {
  const name = provinceName(tile.name);
  const brief = language === "en" ? tile.code : name;
  const button = make(
    "button",
    {
      type: "button", className: `tile ${shade(figures)}`, title: name, tabIndex: tile.name === reached ? 0 : -1,
      data: { key: tile.name }, aria: { pressed: String(chosen === tile.name) },
      onclick: () => { reached = tile.name; choose(chosen === tile.name ? "" : tile.name); },
      onkeydown: (event) => move(event, tile),
    },
    make("span", { className: "name" }, make("span", { className: "long" }, name), make("span", { className: "short" }, brief)), " ",
    make("span", { className: "free" }, figures.numbers ? short(figures.available) : "–",
      figures.numbers ? make("span", { className: "of" }, ` / ${short(figures.candidates)}`) : ""), " ",
    make("span", { className: "visually-hidden" }, described(figures)),
    figures.max_per_day ? bar(figures.used_day, figures.max_per_day) : "",
  );
  button.style.gridColumn = tile.column;
  button.style.gridRow = tile.row;
  return button;
}

/** What the figures of a tile mean, for who does not see it. */
function described({ numbers, candidates, available, used_day: used, max_per_day: cap }) {
  if (!numbers) return text("tileNone");
  const told = text("tile", { parked: amount(candidates - available), used: amount(used) });
  return told + (cap ? text("tileCap", { cap: amount(cap) }) : "");
}

/** An arrow key goes to the next tile that way, the nearest to its line first. */
function move(event, from) {
  const way = ARROWS[event.key];
  if (!way) return;
  event.preventDefault();
  const distance = ({ column, row }) => {
    const [across, down] = [column - from.column, row - from.row];
    const ahead = across * way[0] + down * way[1];
    return ahead > 0 ? ahead + 3 * Math.abs(way[0] ? down : across) : Infinity;
  };
  const next = TILES.reduce((best, each) => (distance(each) < distance(best) ? each : best));
  if (distance(next) === Infinity) return;
  const tile = (name) => byId("map").querySelector(`[data-key="${name}"]`);
  tile(reached).tabIndex = -1;
  reached = next.name;
  tile(reached).tabIndex = 0;
  tile(reached).focus();
}

function drawLegend() {
  const entry = (kind, key) => make("li", {}, make("i", { className: kind }), text(key));
  const shares = [4, 3, 2, 1, 0].map((share) => entry(`share-${share}`, `legend${share}`));
  byId("legend").replaceChildren(...shares, entry("none", "legendNone"));
}

function sum(rows, field) {
  return rows.reduce((total, each) => total + each[field], 0);
}
