-- One call: a batch of operations, decided in order and written together.
--
-- KEYS[1]  the base of this ledger's keys; its hash tag keeps them all in one slot
-- ARGV[1]  msgpack [process, number, now, operations]; now is in ms, 0 for the server's own clock
-- Returns  msgpack [process, number, now, generation, answers]
--
-- Nothing is written before everything was read and decided: an error leaves no half of a batch
-- behind. What is decided on the way stands in local tables, which later operations see.
--
-- Keys: state (hash), numbers (hash: number -> [home, turn]), homes (hash: home -> pool names, one
-- a line), pool:NAME (sorted set: number by score), parked (sorted set: number by return),
-- parks (hash: number -> {reason = until}), process:ID (hash). A score below PARK is the turn of
-- the last use, above it PARK plus the instant of return.

local PARK = 4503599627370496
local RETURNS_A_CALL = 8
local SCAN_LIMIT = 64
local ANSWERS_KEPT = 4
local PROCESS_TTL = 3600000
local ARGUMENTS = 2000  -- to one command: Lua's stack holds 8,000

local base = KEYS[1]
local process, call_number, now, operations = unpack(cmsgpack.unpack(ARGV[1]))
local process_key = base .. 'process:' .. process

-- What was read and decided so far -------------------------------------------------------------

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

local start = turn
local records = {}   -- number -> {home, turn, moved, parks, parked_before}, false where unknown
local homes = {}     -- home -> set of pool names
local views = {}     -- pool name -> what was read of its sorted set
local returned = {}  -- {number, turn} moved in this call to a turn of before it, in order
local used = {}      -- the same, to a turn given out in this call

-- Reading ----------------------------------------------------------------------------------------

local function load_homes(wanted)
  local missing, asked = {}, {}
  for _, home in ipairs(wanted) do
    if not homes[home] and not asked[home] then
      asked[home] = true
      missing[#missing + 1] = home
    end
  end
  if #missing == 0 then return end
  for i, names in ipairs(redis.call('HMGET', base .. 'homes', unpack(missing))) do
    local set = {}
    for name in string.gmatch(names or '', '[^\n]+') do set[name] = true end
    homes[missing[i]] = set
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
    local record = packed and cmsgpack.unpack(packed)
    records[missing[i]] = record and {home = record[1], turn = record[2]} or false
    if record then wanted[#wanted + 1] = record[1] end
  end
  load_homes(wanted)
end

local function return_of(record)
  local latest = 0
  for _, instant in pairs(record.parks) do latest = math.max(latest, instant) end
  return latest
end

local function load_parks(number)
  load({number})
  local record = records[number]
  if not record or record.parks then return record end
  local packed = redis.call('HGET', base .. 'parks', number)
  record.parks = packed and cmsgpack.unpack(packed) or {}
  record.parked_before = packed and true or false
  return record
end

local function is_parked(record)
  return record.parks ~= nil and next(record.parks) ~= nil
end

-- Candidates, the least recently used first ------------------------------------------------------

local function view_of(name)
  local view = views[name]
  if not view then
    view = {numbers = {}, turns = {}, first = 1, chunk = math.min(64, #operations + 1)}
    views[name] = view
  end
  return view
end

local function extend(name, view)
  local size = #view.numbers
  local last = size + view.chunk - 1
  local found = redis.call('ZRANGE', base .. 'pool:' .. name, size, last, 'WITHSCORES')
  local fresh = {}
  view.complete = #found < 2 * view.chunk
  for i = 1, #found, 2 do
    local score = tonumber(found[i + 1])
    if score >= PARK then
      view.complete = true
      break
    end
    fresh[#fresh + 1] = found[i]
    view.numbers[#view.numbers + 1] = found[i]
    view.turns[#view.turns + 1] = score
  end
  view.chunk = 64
  load(fresh)
end

-- The first number of a view, at or after a position, that was not moved in this call.
local function unmoved(name, view, position)
  while true do
    local number = view.numbers[position]
    if number == nil then
      if view.complete then return position end
      extend(name, view)
    elseif records[number] and not records[number].moved then
      return position, number, view.turns[position]
    else
      if position == view.first then view.first = position + 1 end
      position = position + 1
    end
  end
end

local function stands_in(number, names)
  local set = homes[records[number].home]
  for _, name in ipairs(names) do
    if set[name] then return true end
  end
  return false
end

-- The next of the moved numbers that still has its turn and stands in one of the pools.
local function next_moved(list, position, names)
  while list[position] do
    local number, record = list[position].number, records[list[position].number]
    if record.turn == list[position].turn and not is_parked(record) and stands_in(number, names) then
      return position, number, record.turn
    end
    position = position + 1
  end
  return position
end

local function before(score, number, other_score, other)
  return other == nil or score < other_score or (score == other_score and number < other)
end

-- Walks the pools in order of turn; a number that stands in two of them may come twice.
local function candidates(names)
  local at, at_returned, at_used = {}, 1, 1
  for i, name in ipairs(names) do at[i] = view_of(name).first end
  return function()
    local source, best, lowest
    for i, name in ipairs(names) do
      local position, number, score = unmoved(name, views[name], at[i])
      at[i] = position
      if number and before(score, number, lowest, best) then
        source, best, lowest = i, number, score
      end
    end
    local number, score
    at_returned, number, score = next_moved(returned, at_returned, names)
    if number and before(score, number, lowest, best) then
      at_returned = at_returned + 1
      return number
    end
    if best then
      at[source] = at[source] + 1
      return best
    end
    at_used, number = next_moved(used, at_used, names)
    at_used = at_used + 1
    return number
  end
end

-- Changes ----------------------------------------------------------------------------------------

local function use(number)
  local record = records[number]
  turn = turn + 1
  record.turn, record.moved = turn, true
  used[#used + 1] = {number = number, turn = turn}
end

-- Puts a number whose parks have changed where it now belongs.
local function settle(number, record)
  record.moved = true
  if is_parked(record) then return end
  local list = record.turn > start and used or returned
  local position = #list + 1
  while position > 1 and
      before(record.turn, number, list[position - 1].turn, list[position - 1].number) do
    position = position - 1
  end
  table.insert(list, position, {number = number, turn = record.turn})
end

local due_read = 0

-- The next numbers whose time has come. What this call parked itself waits for the next call.
local function take_back(limit)
  local due = redis.call('ZRANGEBYSCORE', base .. 'parked', '-inf', now, 'LIMIT', due_read, limit)
  due_read = due_read + #due
  local taken = 0
  for _, number in ipairs(due) do
    local record = load_parks(number)
    if record and is_parked(record) and return_of(record) <= now then
      record.parks = {}
      settle(number, record)
      taken = taken + 1
    end
  end
  return taken
end

local function parked_in(name)
  local count = redis.call('ZCOUNT', base .. 'pool:' .. name, PARK, '+inf')
  for _, record in pairs(records) do
    if record and record.parks and homes[record.home][name] then
      count = count + (is_parked(record) and 1 or 0) - (record.parked_before and 1 or 0)
    end
  end
  return count
end

-- Operations -------------------------------------------------------------------------------------

local run = {}

-- ['pick', dry_run, steps, count, excluded] -> [[number, step] of each use, [reason, count]...]
function run.pick(dry_run, steps, count, excluded)
  local uses, rejected, seen, barred, found = {}, 0, {}, {}, 0
  for _, number in ipairs(excluded) do barred[number] = true end
  for step, names in ipairs(steps) do
    local scanned = 0
    for number in candidates(names) do
      if not seen[number] then
        seen[number] = true
        if barred[number] then
          rejected, scanned = rejected + 1, scanned + 1
        else
          found = found + 1
          uses[found] = {number, step - 1}
        end
      end
      if found == count or scanned == SCAN_LIMIT then break end
    end
    if found == count then break end
  end
  local reasons = {}
  if rejected > 0 then reasons[1] = {'excluded', rejected} end
  if found == 0 then
    local parked = 0
    for _, name in ipairs(steps[#steps]) do parked = parked + parked_in(name) end
    if parked > 0 then reasons[#reasons + 1] = {'parked', parked} end
  end
  if not dry_run then
    for _, entry in ipairs(uses) do use(entry[1]) end
  end
  return {uses, reasons}
end

-- ['take', dry_run, number] -> the same as a pick: this number or none. One that is not a member
-- has no turn to write.
function run.take(dry_run, number)
  local record = load_parks(number)
  if record and is_parked(record) then return {{}, {{'parked', 1}}} end
  if record and not dry_run then use(number) end
  return {{{number, 0}}, {}}
end

-- ['park', number, reason, until] -> whether the number is a member
function run.park(number, reason, instant)
  local record = load_parks(number)
  if not record then return false end
  record.parks[reason] = instant
  settle(number, record)
  return true
end

-- ['unpark', number, reason] -> whether the number was parked for this reason
function run.unpark(number, reason)
  local record = load_parks(number)
  if not record or not record.parks[reason] then return false end
  record.parks[reason] = nil
  settle(number, record)
  return true
end

-- ['return', limit] -> how many numbers came back
run['return'] = take_back

-- Writing ----------------------------------------------------------------------------------------

local function write(command, key, option, arguments)
  for i = 1, #arguments, ARGUMENTS do
    local last = math.min(i + ARGUMENTS - 1, #arguments)
    if option then
      redis.call(command, key, option, unpack(arguments, i, last))
    else
      redis.call(command, key, unpack(arguments, i, last))
    end
  end
end

local function write_parks(number, record)
  if is_parked(record) then
    redis.call('ZADD', base .. 'parked', return_of(record), number)
    redis.call('HSET', base .. 'parks', number, cmsgpack.pack(record.parks))
  elseif record.parked_before then
    redis.call('ZREM', base .. 'parked', number)
    redis.call('HDEL', base .. 'parks', number)
  end
end

local function flush()
  local packed, scores = {}, {}
  for number, record in pairs(records) do
    if record and record.moved then
      local score = record.turn
      if record.parks then
        write_parks(number, record)
        if is_parked(record) then score = PARK + return_of(record) end
      end
      packed[#packed + 1] = number
      packed[#packed + 1] = cmsgpack.pack({record.home, record.turn})
      for name in pairs(homes[record.home]) do
        local list = scores[name] or {}
        scores[name] = list
        list[#list + 1] = score
        list[#list + 1] = number
      end
    end
  end
  write('HSET', base .. 'numbers', nil, packed)
  for name, list in pairs(scores) do write('ZADD', base .. 'pool:' .. name, 'XX', list) end
  redis.call('HSET', base .. 'state', 'turn', turn, 'now', now)
end

-- The call ---------------------------------------------------------------------------------------

take_back(RETURNS_A_CALL)
local answers, dry = {}, true
for i, operation in ipairs(operations) do
  dry = dry and operation[2] == true
  answers[i] = run[operation[1]](unpack(operation, 2))
end
local reply = cmsgpack.pack({process, call_number, now, generation, answers})
if not dry then
  flush()
  redis.call('HSET', process_key, 'number', call_number,
    'answer' .. call_number % ANSWERS_KEPT, reply)
  redis.call('PEXPIRE', process_key, PROCESS_TTL)
end
return reply
