-- One call: a batch of operations, decided in order and written together. The files of this folder
-- that begin with a digit are one script, in their order.
--
-- KEYS[1]  the base of this ledger's keys; its hash tag keeps them all in one slot
-- KEYS[2]  the base of the keys of callees, which the ledgers of one scope share
-- ARGV[1]  by `struct`: process, number, slot, expected, now, how many operations; expected is the
--          last call of the process that must have been applied before, now is in ms, 0 for the
--          server's clock; the reply is kept in the slot
-- ARGV[2]  msgpack of the rules, see `rules.py`
-- ARGV[3]  msgpack of the operations, as `wire.py` says
-- ARGV[4…] msgpack [steps, region, groups] each: a plan, what many picks have in common; a step is
--          [mark, pools]
-- Returns  msgpack [process, number, now, generation, answers, behind, unreadable, damaged]: behind
--          is the ms by which the server's clock is behind now, unreadable how many values could not
--          be read, damaged how many of them only the leader can write anew; where numbers with
--          limits have changed, an array: this, then each number and its record. The error BEHIND
--          tells the last call that was applied, where another was expected: nothing is applied
--
-- For example, a process "p" sends its 7th call: two picks for the groups of one plan, the second
-- for a callee and under a call_id.
--
--   "p" 7 0 6 0 2, rules, [1, -1, "digest of the callee", "digest of the call_id", "digest of the body"],
--   [[["city", ["sales|city|028成都"]], ["any", ["sales|any|*"]]], "四川", ""]
--
-- 1 is a bare pick by plan 1; -1 is one by the same plan, and its three digests follow it. Where
-- turn stood at 40, the first takes turn 41, the second 42, of whatever number is first by then:
--
--   ["p", 7, 1700000000000, 3, ["02855500004 city", "02855500001 city"], 0, 0, 0]
--
-- Sent again, as after a lost reply, the call finds 7 in process:p and gets this very answer.
--
-- Nothing is written before everything was read and decided: an error leaves no half of a batch
-- behind. What is decided on the way stands in local tables, which later operations see.
--
-- Keys: state (hash), numbers (hash: number -> record), homes (hash: home -> name of its limits and
-- pool names, a line each), home:HOME (sorted set: number by score), pool:NAME (sorted set: home by
-- the score of its first number), parked (sorted set: number by return), parks (hash: number ->
-- {reason = until}), parked_by (hash: reason -> how many), parked_in (hash: pool -> how many),
-- call:DIGEST (a remembered pick), process:ID (hash); under KEYS[2] a callee each, and `stops`, which
-- is there as long as a callee may be stopped. A score below PARK is the turn of the last use, above
-- it PARK plus the instant of return. A number that was never used has a turn of its own below 0, so
-- no two homes stand alike.
--
-- What saves time here, as measured: each command costs a µs and each of its arguments a tenth, so
-- there is one command for many numbers; '%d' turns a number into text at a fifth of what Redis
-- takes for it; a function costs half a µs to define, so what is rarely run is defined when it is.

local RETURNS_A_CALL = 8
local SCAN_LIMIT = 64
local HOUR, DAY = 3600000, 86400000
local ARGUMENTS = 2000 -- to one command: Lua's stack holds 8,000
local KEPT = 1000000   -- bytes of texts whose meaning is kept, which takes ten times as many
local KEPT_RECORDS = 10000 -- read, before all memories are dropped; up to a kB each
local KEPT_MS = 1000   -- that a memory serves: then a value that was changed by hand is met
local PROCESS_TTL = 86400000 -- what became of a call may be asked for a day later
local AT_ONCE = 64     -- numbers of a home, and homes of a pool, read by one command at most

-- What belongs to one call, and is set anew by each: a function of Redis stays defined.
local call, format, max, min -- redis.call, string.format, math.max, math.min
local base, callee_base, keys, process_key
local process, call_number, slot, expected, clock, batch, sent, operations
local plans         -- place -> what the plan there means
local limits_named, callee_rules, cooldown, stickiness, idempotency, remembered, offsets
local horizon, call_ttl -- how long a callee's picks must be known, and a call's
local unreadable, damaged -- values that nobody can have written so; records and homes of them
local paced         -- the line that ledger time follows where the clock is behind, and by how much
local generation    -- of the members
local expires       -- when the process's key does
local now           -- ledger time
local turn, start   -- the last turn that was taken, by now and before this call
local memory        -- what calls have read, `records` and `homes` among it
local records       -- number -> record; false where unknown
local dirty         -- the records that this call has changed
local homes         -- home -> what is known of it
local returned      -- records that moved in this call and kept their turn of before it, in order
local used          -- the record that took each turn of this call, the first turn first
local met           -- the keys of parks that this call has read

-- A finite number up to a bound, as a text or as it is; `other` where there is none.
local function sane(value, most, other)
  if not value then return other end
  local read = tonumber(value)
  if read and read >= -most and read <= most then return read end
  unreadable = unreadable + 1
  return other
end

-- A whole number as text; the last one is often asked for again.
local texts, last_number, last_text = {}, 0, '0'
local function text_of(number)
  if number == last_number then return last_text end
  local text = texts[number]
  if not text then
    text = format('%d', number)
    if number >= 0 and number <= AT_ONCE then texts[number] = text end
    last_number, last_text = number, text
  end
  return text
end

-- What texts mean that most calls meet again: rules, plans and homes. A function keeps it from one
-- call to the next, so nobody changes what a text means.
local meanings, size = {}, 0

local function meaning_of(text, read)
  local meaning = meanings[text]
  if not meaning then
    if size > KEPT then meanings, size = {}, 0 end
    meaning = read(text)
    meanings[text], size = meaning, size + #text
  end
  return meaning
end

-- The names of keys, and what those of one kind begin with.
local function keys_of(text)
  return {
    state = text .. 'state', numbers = text .. 'numbers', homes = text .. 'homes',
    home = text .. 'home:', pool = text .. 'pool:', call = text .. 'call:',
    process = text .. 'process:', parked = text .. 'parked', parks = text .. 'parks',
    parked_by = text .. 'parked_by', parked_in = text .. 'parked_in', restored = text .. 'restored',
  }
end

-- Adds to limits what the count of an hour, that of a day and the list of leases must stay below.
local function with_bounds(limits)
  for i = 1, 3 do limits[5 + i] = limits[i] > 0 and limits[i] or math.huge end
  limits[8] = 2 * limits[8]
  return limits
end

local function rules_from(packed)
  local rules = cmsgpack.unpack(packed)
  local longest = max(rules[3], rules[4], rules[6])
  for _, rule in ipairs(rules[2]) do longest = max(longest, rule[2]) end
  rules[8], rules[9] = longest, max(rules[5], rules[6])
  for _, limits in pairs(rules[1]) do with_bounds(limits) end
  return rules
end

local function plan_of(place)
  local plan = plans[place]
  if not plan then
    plan = meaning_of(sent[place + 3], cmsgpack.unpack)
    plans[place] = plan
  end
  return plan
end

-- A function of Redis also keeps what its last call of a ledger has read and changed. That is right as
-- long as nobody else writes: each call leaves a mark of its own in `state`, and a change of the
-- members removes it. A release of before that writes `now` without the 0 in front, and the members
-- under a fence that is not `marked`. What fails in the middle keeps nothing, and a dry run nothing
-- that it has changed.
local kept, kept_records = redis.register_function and {}, 0 -- nil in a script
local EMPTY_SIZE = 8 -- records that a memory of none takes as much as

-- Takes the memory of the last call where it is right, or begins one; says if there are no members.
local function read_state()
  local state = call('HMGET', keys.state, 'mark', 'now', 'fence')
  memory = kept and kept[base]
  if memory then
    kept[base] = nil
    if state[1] and memory.mark == state[1] and memory.now == state[2]
      and memory.fence == state[3] and memory.rules == sent[2]
      and clock >= memory.since and clock < memory.since + KEPT_MS then return end
  end
  local rest = call('HMGET', keys.state, 'epoch', 'turn', 'generation', 'marked')
  if not rest[1] then return redis.error_reply('WIPED the ledger has no members') end
  -- A turn above all others, should it have been lost: there were never as many picks as ms.
  memory = {mark = state[1], now = state[2], fence = state[3], rules = sent[2], since = clock,
    turn = rest[2] and sane(rest[2], PARK, clock) or 0, generation = sane(rest[3], PARK, 0),
    lasts = kept and string.sub(state[2] or '', 1, 1) == '0' and rest[4] == state[3],
    due = 0, expires = {}, records = {}, homes = {}, views = {}, chunks = {}, heads = {},
    crowded = memory and memory.crowded or {}}
  kept_records = kept_records + EMPTY_SIZE
end

local function keep_memory()
  if kept_records > KEPT_RECORDS then
    kept, kept_records = {}, 0
  else
    kept[base] = memory
  end
end

-- The last call of this process that was applied; what there is to say at once, if anything: the
-- answer that was given to this very call, or an error.
local function answered()
  local number = redis.pcall('HGET', process_key, 'number')
  local is_foreign = type(number) == 'table' -- another's value stands there
  local last = is_foreign and 0 or sane(number, PARK, 0)
  if last >= call_number then
    local answer = call('HGET', process_key, 'answer' .. text_of(slot))
    if answer and cmsgpack.unpack(answer)[2] == call_number then return answer end
    return redis.error_reply('FORGOTTEN this call came too late')
  end
  if last < expected then
    return redis.error_reply(format('BEHIND %d is the last call that this server has', last))
  end
  if is_foreign then
    call('DEL', process_key)
    number, unreadable = false, unreadable + 1
  end
  expires = number and memory.expires[process]
    or sane(call('HGET', process_key, 'expires'), PARK, 0)
end

-- Ledger time never goes back, and never stands still. Where the server's clock is behind the
-- greatest instant seen (it was set back, or another server's is slower), it goes on from there at
-- nine tenths of the pace, until the clock has caught up: `paced_at` is the clock's instant at which
-- that began, `paced_from` the ledger's. Beyond a day it is the instant seen that cannot be right.
local function ledger_time(latest)
  latest = sane(latest, clock + DAY, clock)
  if latest <= clock then return clock end
  local began = call('HMGET', keys.state, 'paced_at', 'paced_from')
  local paced_at, paced_from = sane(began[1], latest, clock), sane(began[2], latest, latest)
  local at = paced_from + math.floor((clock - paced_at) * 9 / 10)
  if at < latest then
    paced_at, paced_from, at = clock, latest, latest
  end
  paced = {paced_at, paced_from, at - clock}
  return at
end

-- Reads a call, and where the ledger stands; returns what there is to say at once, if anything.
local function begin(bases, arguments)
  call, format, max, min = redis.call, string.format, math.max, math.min
  base, callee_base = bases[1], bases[2]
  process, call_number, slot, expected, clock, batch = struct.unpack('<sddddd', arguments[1])
  sent, operations = arguments, cmsgpack.unpack(arguments[3])
  keys = meaning_of(base, keys_of)
  process_key = keys.process .. process
  unreadable, damaged, paced = 0, 0, nil

  if clock == 0 then
    local time = call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local answer = read_state() or answered()
  if answer then return answer end

  now = ledger_time(memory.now)
  turn, start, generation = memory.turn, memory.turn, memory.generation
  limits_named, callee_rules, cooldown, stickiness, idempotency, remembered, offsets, horizon,
    call_ttl = unpack(meaning_of(sent[2], rules_from))
  records, homes = memory.records, memory.homes
  dirty, returned, used, plans, met = {}, {}, {}, {}, {}
end

local function reply_with(answers)
  return cmsgpack.pack({process, call_number, now, generation, answers, paced and paced[3] or 0,
    unreadable, damaged})
end

-- Writes where the ledger stands now, and the reply for whoever asks for it again.
local function write_state(reply)
  local number = text_of(call_number)
  memory.turn, memory.now, memory.mark = turn, format('0%d', now), process .. ' ' .. number
  call('HSET', keys.state, 'turn', text_of(turn), 'now', memory.now, 'mark', memory.mark)
  if paced then
    call('HSET', keys.state, 'paced_at', format('%d', paced[1]), 'paced_from',
      format('%d', paced[2]))
  end
  call('HSET', process_key, 'number', number, 'answer' .. text_of(slot), reply)
  -- An expiry that still leaves half of its time costs nothing.
  if expires < now + PROCESS_TTL / 2 or expires > now + PROCESS_TTL then
    expires = now + PROCESS_TTL
    call('HSET', process_key, 'expires', format('%d', expires))
    call('PEXPIRE', process_key, format('%d', PROCESS_TTL))
  end
  memory.expires[process] = expires
end

-- The limits of a name, which may end in the number's own max_concurrent, see rules.py.
local function limits_of(name)
  local found = limits_named[name]
  if not found then
    local of, trunks = string.match(name, '^(.*)|trunks=(%d+)$')
    found = limits_named[of or ''] or limits_named['']
    if trunks then
      found = with_bounds({found[1], found[2], tonumber(trunks), found[4], found[5]})
    end
    limits_named[name] = found
  end
  return found
end

-- A home as it is stored: the name of its limits, then those of its pools, a line each.
local function home_from(text)
  local limits, pools = string.match(text, '^([^\n]*)(\n.*)$')
  local names = {}
  for name in string.gmatch(pools or '', '[^\n]+') do names[#names + 1] = name end
  return {limits, names, pools and pools .. '\n'}
end

local function load_homes(wanted)
  for i, text in ipairs(call('HMGET', keys.homes, unpack(wanted))) do
    local meaning = meaning_of(text or '', home_from)
    local name, names, pools = meaning[1], meaning[2], meaning[3]
    if not pools then
      unreadable, damaged, name, pools = unreadable + 1, damaged + 1, '', '\n\n'
    end
    local limits = limits_of(name)
    kept_records = kept_records + 1 + #names / 3 -- a name and its key take a third of a record
    homes[wanted[i]] = {
      limits = limits, names = names, pools = pools,
      has_limits = limits[1] > 0 or limits[2] > 0 or limits[3] > 0 or limits[5] > 0,
      more_parked = 0, scores = false, lowest = 0, key = false, pool_keys = false,
    }
  end
end

local function load(numbers)
  local missing, count = {}, 0
  for i = 1, #numbers do
    local number = numbers[i]
    if records[number] == nil then
      count = count + 1
      missing[count] = number
      records[number] = false -- one may be named twice
    end
  end
  if count == 0 then return end
  local found, unknown = call('HMGET', keys.numbers, unpack(missing)), nil
  kept_records = kept_records + count
  for i = 1, count do
    local record = read_record(missing[i], found[i])
    records[missing[i]] = record
    if record then
      if record[LAST] > now + DAY then record[LAST] = 0 end -- of a clock that nobody believes
      if homes[record[HOME]] == nil then
        homes[record[HOME]] = false
        if unknown then unknown[#unknown + 1] = record[HOME] else unknown = {record[HOME]} end
      end
    elseif found[i] then -- passed over until the leader has written it anew
      unreadable, damaged = unreadable + 1, damaged + 1
    end
  end
  if unknown then load_homes(unknown) end
end

local function record_of(number)
  if records[number] == nil then load({number}) end
  return records[number]
end

-- The records of some numbers with their `parks`, read only of those that are out.
local function load_parks(numbers)
  load(numbers)
  local out = {}
  for _, number in ipairs(numbers) do
    local record = records[number]
    if record and not record[PARKS] then
      record[PARKS], record[PARKS_BEFORE] = {}, {}
      if record[OUT] > 0 then out[#out + 1] = number end
    end
  end
  if #out == 0 then return end
  met[keys.parks] = true
  for i, packed in ipairs(call('HMGET', keys.parks, unpack(out))) do
    local record = records[out[i]]
    local is_read, parks = pcall(cmsgpack.unpack, packed or '')
    if is_read and type(parks) == 'table' then
      record[PARKS_BEFORE] = parks
      for reason, instant in pairs(parks) do record[PARKS][reason] = sane(instant, PARK, now) end
    elseif packed then
      unreadable = unreadable + 1
    end
  end
end

local function parks_of(number)
  load_parks({number})
  return records[number]
end
