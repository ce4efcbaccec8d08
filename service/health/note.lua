-- Adding what was counted to the numbers' records, each batch once.
--
-- KEYS[1]  the records, a hash by number
-- KEYS[2]  the last batch that this process had applied
-- ARGV[1]  this batch's number
-- ARGV[2]  for how many milliseconds that is remembered
-- ARGV[3]  {{number, hour, answered, attempts}, …} in MessagePack
-- Returns  1, or 0 where this very batch was applied before

if redis.pcall('GET', KEYS[2]) == ARGV[1] then return 0 end

local function are_tallies(list)
  if type(list) ~= 'table' then return false end
  for _, one in ipairs(list) do
    if type(one) ~= 'table' or not (tonumber(one[2]) and tonumber(one[3])) then return false end
  end
  return true
end

local function read(number)
  local stored = redis.pcall('HGET', KEYS[1], number)
  if type(stored) == 'table' then redis.call('DEL', KEYS[1]) end -- another's value stands there
  if type(stored) ~= 'string' then return {{}} end
  local fine, record = pcall(cmsgpack.unpack, stored)
  if fine and type(record) == 'table' and are_tallies(record[1]) then return record end
  return {{}}  -- what cannot be read is of no use to anybody
end

local function tally(tallies, hour)
  for i = #tallies, 1, -1 do
    if tallies[i][1] == hour then return tallies[i] end
  end
  tallies[#tallies + 1] = {hour, 0, 0}
  return tallies[#tallies]
end

for _, each in ipairs(cmsgpack.unpack(ARGV[3])) do
  local record = read(each[1])
  local one = tally(record[1], each[2])
  one[2], one[3] = one[2] + each[3], one[3] + each[4]
  redis.call('HSET', KEYS[1], each[1], cmsgpack.pack(record))
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
