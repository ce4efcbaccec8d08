-- Membership: one slice of what the leader of the sweep alone may change.
--
-- KEYS[1]  the base of this ledger's keys, as in 1_reading.lua
-- ARGV[1]  msgpack [fence, homes, removed, placed, commit]
--            homes    [[home, the name of its limits and pool names, a line each], ...]
--            removed  [number, ...]
--            placed   [[number, home], ...]
--            commit   [] or [generation, epoch, [home that nobody lives in any more, ...]]
-- Returns  1, or the error FENCED where a later leader has written since
--
-- A number keeps its record and its parks when it moves. The ledger answers picks again once the
-- first commit has given it an epoch.

local PARK = 4503599627370496

local base = KEYS[1]
local fence, homes, removed, placed, commit = unpack(cmsgpack.unpack(ARGV[1]))

if fence < tonumber(redis.call('HGET', base .. 'state', 'fence') or 0) then
  return redis.error_reply('FENCED a later leader has written the members')
end
redis.call('HSET', base .. 'state', 'fence', fence)

for _, home in ipairs(homes) do
  redis.call('HSET', base .. 'homes', home[1], home[2])
end

local pools_of = {}
local function pools(home)
  if not pools_of[home] then
    local names = {}
    local text = redis.call('HGET', base .. 'homes', home) or '\n'
    for name in string.gmatch(string.match(text, '\n(.*)$'), '[^\n]+') do names[name] = true end
    pools_of[home] = names
  end
  return pools_of[home]
end

local function record_of(number)
  local packed = redis.call('HGET', base .. 'numbers', number)
  return packed and cmsgpack.unpack(packed)
end

for _, number in ipairs(removed) do
  local record = record_of(number)
  if record then
    for name in pairs(pools(record[1])) do redis.call('ZREM', base .. 'pool:' .. name, number) end
    local parks = redis.call('HGET', base .. 'parks', number)
    for reason in pairs(parks and cmsgpack.unpack(parks) or {}) do
      redis.call('HINCRBY', base .. 'parked_by', reason, -1)
    end
    redis.call('ZREM', base .. 'parked', number)
    redis.call('HDEL', base .. 'parks', number)
    redis.call('HDEL', base .. 'numbers', number)
  end
end

for _, place in ipairs(placed) do
  local number, home = place[1], place[2]
  local record = record_of(number)
  local turn = record and record[2] or 0
  if record then
    for name in pairs(pools(record[1])) do
      if not pools(home)[name] then redis.call('ZREM', base .. 'pool:' .. name, number) end
    end
  end
  local instant = redis.call('ZSCORE', base .. 'parked', number)
  local score = instant and PARK + tonumber(instant) or turn
  for name in pairs(pools(home)) do redis.call('ZADD', base .. 'pool:' .. name, score, number) end
  record = record or {home, turn}
  record[1] = home
  redis.call('HSET', base .. 'numbers', number, cmsgpack.pack(record))
end

if commit[1] then
  redis.call('HSET', base .. 'state', 'generation', commit[1])
  redis.call('HSETNX', base .. 'state', 'epoch', commit[2])
  for _, home in ipairs(commit[3]) do redis.call('HDEL', base .. 'homes', home) end
end
return 1
