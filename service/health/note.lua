-- Adding what was counted to the numbers' records and to the calls of the day, each batch once.
--
-- KEYS[1]  the records, a hash by number
-- KEYS[2]  the last batch that this process had applied
-- KEYS[3]  what the names of the days' calls begin with: hashes {answered, calls} by
--          "band province group" and "hour" .. "h group"
-- ARGV[1]  this batch's number
-- ARGV[2]  for how many milliseconds that is remembered
-- ARGV[3]  {{number, hour, answered, attempts, group, province}, …} in MessagePack
-- ARGV[4]  for how many milliseconds a day's calls are kept
-- Returns  1, or 0 where this very batch was applied before

if redis.pcall('GET', KEYS[2]) == ARGV[1] then return 0 end

local function are_tallies(list)
  if type(list) ~= 'table' then return false end
  for _, one in ipairs(list) do
    if type(one) ~= 'table' or not (tonumber(one[2]) and tonumber(one[3])) then return false end
  end
  return true
end

-- What a field holds; what cannot be read is of no use to anybody, and is as if it were not.
local function read(key, field)
  local stored = redis.pcall('HGET', key, field)
  if type(stored) == 'table' then redis.call('DEL', key) end -- another's value stands there
  local is_read, value = pcall(cmsgpack.unpack, type(stored) == 'string' and stored or '')
  return is_read and type(value) == 'table' and value or {}
end

local function tally(tallies, hour, group, province)
  for i = #tallies, 1, -1 do
    local one = tallies[i]
    if one[1] == hour and one[4] == group and one[5] == province then return one end
  end
  tallies[#tallies + 1] = {hour, 0, 0, group, province}
  return tallies[#tallies]
end

local function add(key, field, answered, attempts)
  local count = read(key, field)
  if not (tonumber(count[1]) and tonumber(count[2])) then count = {0, 0} end
  redis.call('HSET', key, field, cmsgpack.pack({count[1] + answered, count[2] + attempts}))
end

local days = {}
for _, each in ipairs(cmsgpack.unpack(ARGV[3])) do
  local number, hour, answered, attempts, group, province = unpack(each)
  local record = read(KEYS[1], number)
  if not are_tallies(record[1]) then record = {{}} end
  local one = tally(record[1], hour, group, province)
  one[2], one[3] = one[2] + answered, one[3] + attempts
  redis.call('HSET', KEYS[1], number, cmsgpack.pack(record))
  local day = KEYS[3] .. string.format('%d', math.floor(hour / 24))
  local band = math.floor(hour % 24 / 4)
  add(day, string.format('%d %s %s', band, province, group), answered, attempts)
  add(day, string.format('%dh %s', hour % 24, group), answered, attempts)
  days[day] = true
end
for day in pairs(days) do redis.call('PEXPIRE', day, ARGV[4]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
