-- One call: a batch of operations, decided in order and written together. The files of this folder
-- that begin with a digit are one script, in their order.
--
-- KEYS[1]  the base of this ledger's keys; its hash tag keeps them all in one slot
-- KEYS[2]  the base of the keys of callees, which the ledgers of one scope share
-- ARGV[1]  msgpack [process, number, now, rules, operations]; now is in ms, 0 for the server's clock
-- Returns  msgpack [process, number, now, generation, answers]
--
-- Nothing is written before everything was read and decided: an error leaves no half of a batch
-- behind. What is decided on the way stands in local tables, which later operations see.
--
-- Keys: state (hash), numbers (hash: number -> record), homes (hash: home -> name of its limits and
-- pool names, one a line), pool:NAME (sorted set: number by score), parked (sorted set: number by
-- return), parks (hash: number -> {reason = until}), parked_by (hash: reason -> how many),
-- call:DIGEST (a remembered pick), process:ID (hash); under KEYS[2] a callee each. A score below
-- PARK is the turn of the last use, above it PARK plus the instant of return.

local PARK = 4503599627370496
local RETURNS_A_CALL = 8
local SCAN_LIMIT = 64
local ANSWERS_KEPT = 8
local PROCESS_TTL = 3600000
local HOUR, DAY = 3600000, 86400000
local ARGUMENTS = 2000  -- to one command: Lua's stack holds 8,000

local base, callee_base = KEYS[1], KEYS[2]
local process, call_number, now, sent_rules, operations = unpack(cmsgpack.unpack(ARGV[1]))
local process_key = base .. 'process:' .. process

local state = redis.call('HMGET', base .. 'state', 'epoch', 'turn', 'now', 'generation')
if not state[1] then
  return redis.error_reply('WIPED the ledger has no members')
end
local applied = redis.call('HMGET', process_key, 'number', 'answer' .. call_number % ANSWERS_KEPT)
if applied[1] and tonumber(applied[1]) >= call_number then
  local kept = applied[2] and cmsgpack.unpack(applied[2])
  if kept and kept[2] == call_number then
    return applied[2]
  end
  return redis.error_reply('FORGOTTEN this call came too late')
end

local turn = tonumber(state[2] or 0)
local generation = tonumber(state[4] or 0)
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
now = math.max(now, tonumber(state[3] or 0))

local rules = {}
rules.limits, rules.callee, rules.cooldown, rules.sticky, rules.idempotency, rules.remembered,
  rules.offsets = unpack(sent_rules)
rules.horizon = math.max(rules.cooldown, rules.sticky, rules.remembered)
for _, limits in pairs(rules.limits) do
  limits.none = limits[1] == 0 and limits[2] == 0 and limits[3] == 0 and limits[5] == 0
end
for _, rule in ipairs(rules.callee) do rules.horizon = math.max(rules.horizon, rule[2]) end

local start = turn
local records = {}   -- number -> record, see below; false where unknown
local homes = {}     -- home -> set of pool names
local limits_at = {} -- home -> limits
local views = {}     -- pool name -> what was read of its sorted set
local returned = {first = 1} -- {number, turn} moved in this call to a turn of before it, in order
local used = {first = 1}     -- the same, to a turn given out in this call
local NONE = {}              -- never written to
local callees = {}   -- digest -> {stopped, uses, changed}
local calls = {}     -- digest -> a remembered pick, false where unknown

-- A record: home, turn, the hour and the day of the last counted use with their counts, the instant
-- of the last use, open leases as turn and end in turn, a daily cap of its own, and the regions to
-- keep it from, each with its end. Beside what is stored: `moved` in this call, `parks` (loaded when needed), `parks_before`.

local function unpack_record(packed)
  local r = cmsgpack.unpack(packed)
  return {home = r[1], turn = r[2], hour = r[3] or 0, in_hour = r[4] or 0, day = r[5] or 0,
    in_day = r[6] or 0, last = r[7] or 0, leases = r[8] or NONE, cap = r[9] or 0, avoid = r[10] or NONE}
end

local function pack_record(r)
  if r.cap == 0 and #r.leases == 0 and next(r.avoid) == nil then
    return cmsgpack.pack({r.home, r.turn, r.hour, r.in_hour, r.day, r.in_day, r.last})
  end
  return cmsgpack.pack(
    {r.home, r.turn, r.hour, r.in_hour, r.day, r.in_day, r.last, r.leases, r.cap, r.avoid})
end

-- The limits of a name, which may end in the number's own max_concurrent, see rules.py.
local function limits_named(name)
  local found = rules.limits[name]
  if not found then
    local of, trunks = string.match(name, '^(.*)|trunks=(%d+)$')
    found = rules.limits[of or ''] or rules.limits['']
    if trunks then
      found = {found[1], found[2], tonumber(trunks), found[4], found[5], none = false}
    end
    rules.limits[name] = found
  end
  return found
end

local function load_homes(wanted)
  local missing, asked = {}, {}
  for _, home in ipairs(wanted) do
    if not homes[home] and not asked[home] then
      asked[home] = true
      missing[#missing + 1] = home
    end
  end
  if #missing == 0 then return end
  for i, text in ipairs(redis.call('HMGET', base .. 'homes', unpack(missing))) do
    local name, rest = string.match(text or '\n', '^([^\n]*)\n(.*)$')
    local set = {}
    for pool in string.gmatch(rest, '[^\n]+') do set[pool] = true end
    homes[missing[i]] = set
    limits_at[missing[i]] = limits_named(name)
  end
end

local function load(numbers)
  local missing = {}
  for _, number in ipairs(numbers) do
    if records[number] == nil then missing[#missing + 1] = number end
  end
  if #missing == 0 then return end
  local wanted = {}
  for i, packed in ipairs(redis.call('HMGET', base .. 'numbers', unpack(missing))) do
    local record = packed and unpack_record(packed)
    records[missing[i]] = record
    if record then wanted[#wanted + 1] = record.home end
  end
  load_homes(wanted)
end

local function load_parks(number)
  load({number})
  local record = records[number]
  if not record or record.parks then return record end
  local packed = redis.call('HGET', base .. 'parks', number)
  record.parks_before = packed and cmsgpack.unpack(packed) or {}
  record.parks = packed and cmsgpack.unpack(packed) or {}
  return record
end

local function callee_of(digest)
  local callee = callees[digest]
  if not callee then
    local packed = redis.call('GET', callee_base .. digest)
    local stored = packed and cmsgpack.unpack(packed) or {0, {}}
    callee = {stopped = stored[1], uses = stored[2]}
    callees[digest] = callee
  end
  return callee
end

local function call_of(digest)
  if calls[digest] == nil then
    local packed = redis.call('GET', base .. 'call:' .. digest)
    calls[digest] = packed and cmsgpack.unpack(packed) or false
  end
  return calls[digest]
end
