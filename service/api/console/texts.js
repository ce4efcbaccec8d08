"use strict";
// Every word of the page, in both languages. {name} stands for a value.

const TEXTS = {
  "zh-CN": {
    title: "callerid 控制台", skip: "跳到正文", console: "控制台", instance: "实例", states: "运行状态",
    pause: "暂停刷新", leave: "退出", otherLanguage: "English", refreshed: "更新于 {time}",
    paused: "已暂停，更新于 {time}", unreachable: "连接不上服务：{detail}。将自动重试。",
    failed: "{code}：{detail}",
    redisUp: "Redis 正常", redisDown: "Redis 不可用，进程内选号", redisEmbedded: "内存账本（重启即清空）",
    inventoryReady: "号码已同步 · {age}前", inventoryStale: "号码过期 · {age}前", inventoryMissing: "还没有号码",
    draining: "正在下线", sweepHeld: "号码骤减，等待确认", sweepFailed: "最近一次同步失败",
    unreadable: "{count} 行号码无法识别，已搁置：{rows}",
    seconds: "{count} 秒", minutes: "{count} 分钟", hours: "{count} 小时", days: "{count} 天",
    figureNumbers: "号码总数", figureCandidates: "可外呼", figureAvailable: "当前可用", figureParked: "停用中",
    figureQuarantined: "隔离中", figureUsed: "今日已用", ofCap: "/ 上限 {cap}", noCap: "无上限",
    map: "各省号码", mapHint: "数字为可用 / 可外呼，细条为今日用量。方向键移动，回车按省筛选。",
    tile: "可用 / 可外呼，停用 {parked}，今日已用 {used}", tileCap: "，上限 {cap}", tileNone: "没有号码",
    everywhere: "取消筛选：{name}", nowhere: "另有 {count} 个号码没有归属地，其中 {available} 个可用。",
    legend0: "无可用", legend1: "25% 以下", legend2: "25–50%", legend3: "50–75%", legend4: "75% 以上", legendNone: "没有号码",
    try: "试选一次", tryHint: "只演算，不计数，不占用号码，也不询问 CCC。", calledNumber: "被叫号码",
    skillGroups: "技能组", groupsHint: "多个用逗号隔开", agent: "坐席（可不填）", minMatch: "最远匹配到", count: "个数", tryIt: "试选",
    notLimited: "不限", trying: "正在试选…",
    trialShown: "将显示 {number}（{place}），匹配：{match}，由{source}决定。", trialMore: "另外 {count} 个见下表。",
    trialNone: "没有号码可用：{why}", trialAsksCcc: "号码库里没有候选；真实选号会询问 CCC 自己的 PickOutboundNumbers。",
    callee: "被叫 {number}：{place}", unknownPlace: "归属地未知", areaCode: "区号 {code}",
    levels: "依次查找", poolSize: "{count} 个号码", noPool: "没有更多号码", noPlace: "被叫没有这一级的归属地", chosenHere: "在此选中 {count} 个", parkedHere: "其中停用：{reasons}（看了 {counted} 个）",
    passedOver: "跳过原因", candidates: "看过的号码（按轮次先后）", number: "号码", level: "级别", turn: "轮次", verdict: "结果", taken: "选中",
    usedHour: "本小时", usedDay: "今日", place: "归属地",
    coverage: "覆盖规划", coverageHint: "按最近两周的呼叫，看该在哪里买号、哪些号码闲置、明天哪里会用完。", buyCount: "最多买几个", planIt: "规划", planning: "正在规划…",
    noDemand: "还没有统计到呼叫，请明天再看，或用 callerid plan --demand。", foretold: "按 {days} 天的呼叫，每天最好可匹配：{calls}。", realised: "昨天实现了其中本地匹配的 {share}。",
    buyTitle: "建议购买", idleTitle: "本省用不上的号码", spentTitle: "明天会用完", toBuy: "个数", gain: "每天多出的本地呼叫", instead: "原先匹配", idleCount: "个数", spentAt: "用完时间",
    nothingHere: "没有", firstOf: "前 {shown} 行，共 {count} 行", refusals: "无号可用",
    experiment: "本地号码实验", experimentHint: "留出一部分被叫，改用各地号码，看本地号码是否接通更多。各级匹配的接通率不能直接比较：不同级别呼叫的人也不同。", askExperiment: "查看",
    arm: "组", callsEnded: "呼叫", callsAnswered: "接通", answeredShare: "接通率", tooFewCalls: "呼叫太少，还看不出差别。", inArm: "被叫在实验的这一组：{arm}。",
    differs: "本地号码接通率相差 {points} 个百分点（{low} 至 {high}）。",
    arms: { local: "本地号码", any: "各地号码" },
    experimentStates: { off: "没有留出被叫", running: "进行中", stopped: "已停止", refused: "已拒绝：这个名字的实验以别的设置开始，请另起名字" },
    verdicts: { undecided: "这可能只是偶然。", local: "本地号码接通更多。", any: "各地号码接通更多。" },
    numbers: "号码", total: "共 {count} 个", filter: "筛选号码", search: "号码包含", province: "省份", usage: "用途", active: "启用",
    skillGroup: "技能组", filterIt: "筛选", all: "全部", yes: "是", no: "否", Inbound: "仅呼入", Outbound: "仅外呼", Bidirection: "双向",
    serves: "技能组 / 坐席", state: "状态", action: "操作", available: "可用", until: "至 {time}", unknown: "未知",
    park: "停用", unpark: "恢复", parkOne: "停用 {number}", unparkOne: "恢复 {number}",
    pagesOfNumbers: "号码翻页", pagesOfParked: "停用号码翻页", earlier: "上一页", later: "下一页", pageOf: "第 {page} / {pages} 页", nothing: "没有符合条件的号码",
    parked: "停用与隔离", byReason: "按原因筛选", why: "原因", health: "健康", nobodyParked: "没有停用的号码", counted: "统计于 {time}",
    picks: "最近选号", picksNote: "号码已打码；只含本进程最近的选号", picksWorkers: "号码已打码；共 {workers} 个进程，逐个刷新汇入",
    time: "时间", called: "被叫", caller: "显示号码", match: "匹配", source: "来源", skipped: "跳过",
    explanation: "逐个说明（{count}）", more: "共 {count} 个", dryRun: "演算", noPicks: "还没有选号",
    signIn: "需要令牌", signInHint: "请输入有 admin 权限的令牌。只保存在这个标签页里，关闭即失效。", token: "令牌", enter: "进入",
    Unauthenticated: "令牌不对，或没有令牌", Forbidden: "这个令牌没有 admin 权限",
    confirmPark: "停用号码 {number}？", aboutPark: "到期前所有进程都不会再选它。通话中的不受影响。",
    confirmUnpark: "恢复号码 {number}？", aboutUnpark: "只取消人工停用；其他原因仍然有效。",
    parkFor: "多久", parkWhy: "原因（写入日志）", cancel: "取消", didPark: "{number} 已停用", didUnpark: "{number} 已恢复",
    NoEligibleNumber: "没有可用号码", CalleeBudgetExceeded: "该被叫的呼叫次数已用完", OutsideCallingWindow: "不在呼叫时段内",
    InventoryUnavailable: "号码库尚未就绪", CallIdReused: "call_id 已被别的请求使用", UnknownInstance: "没有这个实例",
    InvalidField: "填写有误", InvalidCalledNumber: "被叫号码不对", Overloaded: "请求过多", LedgerUnavailable: "账本暂不可用", UnknownNumber: "没有这个号码",
    MalformedRequest: "请求格式不对", InternalError: "服务内部错误",
    reason: {
      max_per_hour: "小时上限", max_per_day: "日上限", max_concurrent: "并发已满", rest: "间歇中", operator: "人工停用",
      quarantine: "隔离", sip_rest: "SIP 码：休息", sip_park: "SIP 码：停用", provider: "运营商休息", cooldown: "对该被叫冷却",
      region: "避开该地区", excluded: "请求排除", parked: "停用中", inactive: "未启用", inbound_only: "仅呼入", toll_free: "400 号码",
      no_skill_group: "无技能组",
    },
    matches: { agent: "坐席专属", sticky: "沿用上次", city: "同城", area_code: "同区号", province: "同省", near: "邻近", any: "任意", ccc: "CCC 选号" },
    sources: { redis: "共享账本", memory: "内存账本", degraded: "降级（本进程）", ccc: "CCC" },
  },
  en: {
    title: "callerid console", skip: "Skip to the content", console: "console", instance: "Instance", states: "State",
    pause: "Pause", leave: "Sign out", otherLanguage: "中文", refreshed: "Updated {time}",
    paused: "Paused, updated {time}", unreachable: "The service cannot be reached: {detail}. Trying again.",
    failed: "{code}: {detail}",
    redisUp: "Redis up", redisDown: "Redis down, deciding in process", redisEmbedded: "In-memory ledger (forgets at a restart)",
    inventoryReady: "Inventory {age} old", inventoryStale: "Inventory stale, {age} old", inventoryMissing: "No inventory yet",
    draining: "Draining", sweepHeld: "A loss of numbers waits to be confirmed", sweepFailed: "The last sweep failed",
    unreadable: "{count} rows of CCC cannot be read and are set aside: {rows}",
    seconds: "{count} s", minutes: "{count} min", hours: "{count} h", days: "{count} d",
    figureNumbers: "Numbers", figureCandidates: "May call out", figureAvailable: "Available now", figureParked: "Parked",
    figureQuarantined: "Quarantined", figureUsed: "Used today", ofCap: "of {cap}", noCap: "no cap",
    map: "Numbers by province", mapHint: "Available / may call out; the bar is today’s use. Arrow keys move, Enter filters by province.",
    tile: "available / may call out, {parked} parked, used today {used}", tileCap: " of {cap}", tileNone: "no numbers",
    everywhere: "Clear filter: {name}", nowhere: "{count} more numbers have no place; {available} of them are available.",
    legend0: "none available", legend1: "below 25%", legend2: "25–50%", legend3: "50–75%", legend4: "75% or more", legendNone: "no numbers",
    try: "Try a pick", tryHint: "A dry run: nothing is counted, no number is taken, CCC is not asked.", calledNumber: "Called number",
    skillGroups: "Skill groups", groupsHint: "several with commas", agent: "Agent (optional)", minMatch: "No further than", count: "How many", tryIt: "Try",
    notLimited: "no bound", trying: "Trying…",
    trialShown: "Would show {number} ({place}), match: {match}, decided by {source}.", trialMore: "{count} more in the table below.",
    trialNone: "No number may be shown: {why}", trialAsksCcc: "The inventory has no candidate; a pick in earnest would ask CCC’s own PickOutboundNumbers.",
    callee: "Called {number}: {place}", unknownPlace: "place unknown", areaCode: "area code {code}",
    levels: "Looked for in this order", poolSize: "{count} numbers", noPool: "no further numbers", noPlace: "the callee has no such place", chosenHere: "{count} chosen here", parkedHere: "parked: {reasons} (of {counted} looked at)",
    passedOver: "Passed over", candidates: "Candidates looked at, in order of turn", number: "Number", level: "Level", turn: "Turn", verdict: "Verdict", taken: "taken",
    usedHour: "This hour", usedDay: "Today", place: "Place",
    coverage: "Coverage", coverageHint: "By the calls of the last two weeks: which numbers to buy where, which are idle, and what runs out tomorrow.", buyCount: "Numbers to buy at most", planIt: "Plan", planning: "Planning…",
    noDemand: "No calls have been counted yet: look again tomorrow, or use callerid plan --demand.", foretold: "By {days} days of calls, a day at its best matches by: {calls}.", realised: "Yesterday reached {share} of the local matches foretold.",
    buyTitle: "To buy", idleTitle: "Of no use to their province", spentTitle: "Spent tomorrow", toBuy: "Numbers", gain: "Local calls a day more", instead: "Instead of", idleCount: "Numbers", spentAt: "Spent at",
    nothingHere: "nothing", firstOf: "first {shown} of {count} rows", refusals: "refusals",
    experiment: "Local numbers put to the test", experimentHint: "Some callees are held out and shown numbers from anywhere, to see whether local ones are answered more often. Shares by match level cannot be compared: who is called differs too.", askExperiment: "Look",
    arm: "Arm", callsEnded: "Calls", callsAnswered: "Answered", answeredShare: "Share", tooFewCalls: "Too few calls to tell.", inArm: "This callee is in an arm of the experiment: {arm}.",
    differs: "Local numbers differ by {points} points ({low} to {high}).",
    arms: { local: "local numbers", any: "numbers from anywhere" },
    experimentStates: { off: "nobody is held out", running: "running", stopped: "stopped", refused: "refused: this name began under other settings; give it a new one" },
    verdicts: { undecided: "That may be chance.", local: "Local numbers are answered more often.", any: "Numbers from anywhere are answered more often." },
    numbers: "Numbers", total: "{count} in all", filter: "Filter the numbers", search: "Number contains", province: "Province", usage: "Usage", active: "Active",
    skillGroup: "Skill group", filterIt: "Filter", all: "all", yes: "yes", no: "no", Inbound: "inbound", Outbound: "outbound", Bidirection: "both ways",
    serves: "Groups / agent", state: "State", action: "Action", available: "available", until: "until {time}", unknown: "unknown",
    park: "Park", unpark: "Unpark", parkOne: "Park {number}", unparkOne: "Unpark {number}",
    pagesOfNumbers: "Pages of numbers", pagesOfParked: "Pages of parked numbers", earlier: "Previous", later: "Next", pageOf: "Page {page} of {pages}", nothing: "No number fits these filters",
    parked: "Parked and quarantined", byReason: "Filter by reason", why: "Why", health: "Health", nobodyParked: "No number is parked", counted: "counted {time}",
    picks: "Last picks", picksNote: "numbers masked; this process’s own last picks", picksWorkers: "numbers masked; gathered from {workers} workers as each answers",
    time: "Time", called: "Called", caller: "Shown", match: "Match", source: "Source", skipped: "Passed over",
    explanation: "Each candidate ({count})", more: "{count} in all", dryRun: "dry run", noPicks: "No picks yet",
    signIn: "A token is needed", signInHint: "Give a token with the scope admin. It stays in this tab and ends with it.", token: "Token", enter: "Enter",
    Unauthenticated: "No token, or an unknown one", Forbidden: "This token lacks the scope admin",
    confirmPark: "Park {number}?", aboutPark: "No process picks it until then. Calls under way go on.",
    confirmUnpark: "Unpark {number}?", aboutUnpark: "Ends an operator’s park alone; other reasons still hold.",
    parkFor: "For", parkWhy: "Why (goes to the log)", cancel: "Cancel", didPark: "{number} is parked", didUnpark: "{number} is back",
    NoEligibleNumber: "no eligible number", CalleeBudgetExceeded: "this callee was called as often as may be", OutsideCallingWindow: "outside the calling window",
    InventoryUnavailable: "no inventory yet", CallIdReused: "call_id used by another request", UnknownInstance: "no such instance",
    InvalidField: "a field is wrong", InvalidCalledNumber: "not a number to be called", Overloaded: "overloaded", LedgerUnavailable: "the ledger is out of reach", UnknownNumber: "no such number",
    MalformedRequest: "a malformed request", InternalError: "an internal error",
    reason: {
      max_per_hour: "hourly cap", max_per_day: "daily cap", max_concurrent: "all slots busy", rest: "resting", operator: "by an operator",
      quarantine: "quarantine", sip_rest: "SIP code: rest", sip_park: "SIP code: park", provider: "provider at rest", cooldown: "cooldown for this callee",
      region: "kept from this region", excluded: "excluded", parked: "parked", inactive: "inactive", inbound_only: "inbound only", toll_free: "400 number",
      no_skill_group: "no skill group",
    },
    matches: { agent: "agent’s own", sticky: "sticky", city: "city", area_code: "area code", province: "province", near: "nearby", any: "any", ccc: "CCC’s pick" },
    sources: { redis: "the shared ledger", memory: "the ledger in memory", degraded: "this process (degraded)", ccc: "CCC" },
  },
};

const REMEMBERED = "callerid.language";
const PARK_SECONDS = [3600, 4 * 3600, 86400, 7 * 86400, 30 * 86400];

const spoken = navigator.languages.find((each) => /^(zh|en)/i.test(each)) || "en";
let language = localStorage.getItem(REMEMBERED) || (/^zh/i.test(spoken) ? "zh-CN" : "en");
if (!(language in TEXTS)) language = "en";

/** A text in the language of the moment; what has none is shown as it is. */
function text(key, values = {}) {
  const [group, name] = key.split(".");
  const found = name === undefined ? TEXTS[language][key] : TEXTS[language][group][name];
  if (found === undefined) return name ?? key;
  return found.replace(/\{(\w+)\}/g, (_, value) => values[value]);
}

function amount(value) {
  return new Intl.NumberFormat(language).format(value);
}

function short(value) {
  return value < 10000 ? String(value) : new Intl.NumberFormat(language, { notation: "compact" }).format(value);
}

/** An instant: the time of day, and the day where that is another one. */
function instant(at, seconds = false) {
  const then = new Date(at);
  const time = { hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds && { second: "2-digit" }) };
  const isToday = then.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { month: "numeric", day: "numeric" };
  return new Intl.DateTimeFormat(language, { ...day, ...time }).format(then);
}

function span(seconds) {
  const [unit, size] = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]]
    .find(([, each]) => seconds >= each) || ["seconds", 1];
  return text(unit, { count: Math.floor(seconds / size) });
}

/** Say the fixed parts of the page in the language of the moment. */
function sayEverything() {
  document.documentElement.lang = language;
  document.title = text("title");
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", text(node.dataset.label));
  const other = document.getElementById("language");
  other.textContent = text("otherLanguage");
  other.lang = language === "en" ? "zh-CN" : "en";
}

function switchLanguage() {
  language = language === "en" ? "zh-CN" : "en";
  localStorage.setItem(REMEMBERED, language);
}
