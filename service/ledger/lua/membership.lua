-- Membership: one slice of what the leader of the sweep alone may change.
--
-- KEYS[1]  the base of this ledger's keys, as in 1_reading.lua
-- ARGV[1]  msgpack [fence, [first, anew, homes, removed, placed, commit]]
--            first    whether this begins a change; where another slice finds no fence or another's,
--                     the ledger was lost in between
--            anew     whether keys of another type than the ledger's are removed first
--            homes    [[home, the name of its limits and pool names, a line each], ...]
--            removed  [number, ...]
--            placed   [[number, home], ...], or [number, home, [last, hour, day, in_hour, in_day,
--                     leases, cap, regions, turn], {reason: until}]: what it had before, should the
--                     ledger have lost that
--            commit   [] or [generation, epoch, [home that nobody lives in any more, ...], turn]:
--                     at least this turn was taken
-- Returns  1, or the error FENCED where a later leader has written since
--
-- A number keeps its record and its parks when it moves; a record that cannot be read is none. The
-- ledger answers picks again once the first commit has given it an epoch. What is restored has all
-- uses up to its last in it: that is remembered for a while, as processes tell of their own again.

local LONGEST_NUMBER = 15
local RESTORED_TTL = 120000

local call = redis.call
local base = KEYS[1]
local fence, slice = unpack(cmsgpack.unpack(ARGV[1]))
local first, anew, homes, removed, placed, commit = unpack(slice)

-- What stood there is lost: no pick is answered and no use written back before the commit.
local function remove_unless(read, key, ...)
  local found = redis.pcall(read, base .. key, ...)
  if type(found) == 'table' and found.err then
    call('DEL', base .. key)
    call('HDEL', base .. 'state', 'epoch', 'mark')
  end
end

if anew then
  local hashes = {'state', 'numbers', 'homes', 'parks', 'parked_by', 'parked_in', 'restored'}
  for _, key in ipairs(hashes) do
    remove_unless('HGET', key, 'x')
  end
  remove_unless('ZRANGE', 'parked', 0, 0)
end

local stored = tonumber(call('HGET', base .. 'state', 'fence') or 0) or 0
if fence < stored and stored < PARK or not first and stored ~= fence then
  return redis.error_reply('FENCED a later leader has written the members, or they were lost')
end
call('HSET', base .. 'state', 'fence', fence, 'marked', fence)
call('HDEL', base .. 'state', 'mark') -- what the functions of picks have kept is right no more

for _, home in ipairs(homes) do call('HSET', base .. 'homes', home[1], home[2]) end

local pools_of = {}
local function pools(home)
  if not pools_of[home] then
    local names = {}
    local text = call('HGET', base .. 'homes', home) or '\n'
    for name in string.gmatch(string.match(text, '\n(.*)$'), '[^\n]+') do
      names[#names + 1] = name
    end
    pools_of[home] = names
  end
  return pools_of[home]
end

-- The turn of a number that was never used: below 0, its own, the first in order the lowest.
local function unused_turn(number)
  if #number > LONGEST_NUMBER or not string.find(number, '^[0-9]+$') then return 0 end
  return tonumber(number .. string.rep('0', LONGEST_NUMBER - #number)) - 10 ^ LONGEST_NUMBER
end

local function count_parked(home, change)
  for _, name in ipairs(pools(home)) do call('HINCRBY', base .. 'parked_in', name, change) end
end

local changed = {} -- homes that numbers have entered or left

local function leave(number, home)
  call('ZREM', base .. 'home:' .. home, number)
  changed[home] = true
end

local function parks_of(number)
  local is_read, parks = pcall(cmsgpack.unpack, call('HGET', base .. 'parks', number) or '')
  return is_read and type(parks) == 'table' and parks or {}
end

local function count_reasons(parks, change)
  for reason in pairs(parks) do call('HINCRBY', base .. 'parked_by', reason, change) end
end

local function forget_parks(number)
  count_reasons(parks_of(number), -1)
  call('ZREM', base .. 'parked', number)
  call('HDEL', base .. 'parks', number)
end

for _, number in ipairs(removed) do
  local record = read_record(number, call('HGET', base .. 'numbers', number))
  if record then
    leave(number, record[HOME])
    if record[OUT] > 0 then count_parked(record[HOME], -1) end
  else -- nobody can tell where it lived
    local all = call('HGETALL', base .. 'homes')
    for i = 1, #all, 2 do leave(number, all[i]) end
  end
  forget_parks(number)
  call('HDEL', base .. 'numbers', number)
end

-- Parks a number anew that lives in a home; returns the instant of its return, 0 for none.
local function restore_parks(number, home, parks)
  local out = 0
  for _, instant in pairs(parks) do out = math.max(out, instant, 1) end
  if out > 0 then
    call('ZADD', base .. 'parked', out, number)
    call('HSET', base .. 'parks', number, cmsgpack.pack(parks))
    count_reasons(parks, 1)
    count_parked(home, 1)
  end
  return out
end

-- The record of a number that has none, with what it is known to have had; where parks of it stand,
-- with these. In a ledger that was lost it gets no cap of its own: whoever gave it one, and would take
-- it away, has lost that as well.
local is_lost = not call('HGET', base .. 'state', 'epoch')
local function new_record(number, home, use, parks)
  local record = {number, home, unused_turn(number), 0, 0, 0, 0, 0, 0, NONE, 0, NONE}
  for _, instant in pairs(parks_of(number)) do
    record[OUT] = math.max(record[OUT], is_instant(instant) and instant or 1, 1)
  end
  if record[OUT] > 0 then call('ZADD', base .. 'parked', record[OUT], number) end
  if not use then return record end
  record[LAST], record[HOUR_OF], record[DAY_OF], record[IN_HOUR], record[IN_DAY] = unpack(use, 1, 5)
  record[LEASES], record[AVOID] = use[6], next(use[8]) and use[8] or NONE
  record[CAP] = is_lost and 0 or use[7]
  if record[LAST] > 0 then record[TURN] = use[9] end
  if record[OUT] == 0 then record[OUT] = restore_parks(number, home, parks) end
  call('HSET', base .. 'restored', number, record[LAST])
  return record
end

local function move(record, home)
  leave(record[NUMBER], record[HOME])
  if record[OUT] > 0 then
    count_parked(record[HOME], -1)
    count_parked(home, 1)
  end
  record[HOME] = home
end

local seen = {} -- homes whose keys were looked at

for _, place in ipairs(placed) do
  local number, home, use, parks = unpack(place)
  if anew and not seen[home] then
    remove_unless('ZRANGE', 'home:' .. home, 0, 0)
    seen[home] = true
  end
  local record = read_record(number, call('HGET', base .. 'numbers', number))
    or new_record(number, home, use, parks)
  if record[HOME] ~= home then move(record, home) end
  local out = record[OUT]
  if anew and out > 0 then call('ZADD', base .. 'parked', out, number) end
  call('ZADD', base .. 'home:' .. home, out > 0 and PARK + out or record[TURN], number)
  call('HSET', base .. 'numbers', number, pack_record(record))
  changed[home] = true
end
call('PEXPIRE', base .. 'restored', RESTORED_TTL)

for home in pairs(anew and changed or {}) do
  for _, name in ipairs(pools(home)) do remove_unless('ZRANGE', 'pool:' .. name, 0, 0) end
end

for home in pairs(changed) do
  local first = call('ZRANGE', base .. 'home:' .. home, 0, 0, 'WITHSCORES')
  for _, name in ipairs(pools(home)) do
    if first[1] then
      call('ZADD', base .. 'pool:' .. name, first[2], home)
    else
      call('ZREM', base .. 'pool:' .. name, home)
    end
  end
end

if commit[1] then
  call('HSET', base .. 'state', 'generation', commit[1])
  call('HSETNX', base .. 'state', 'epoch', commit[2])
  local turn = tonumber(call('HGET', base .. 'state', 'turn') or 0)
  if turn and turn < commit[4] then call('HSET', base .. 'state', 'turn', commit[4]) end
  for _, home in ipairs(commit[3]) do call('HDEL', base .. 'homes', home) end
end
return 1
