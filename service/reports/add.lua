-- Adding to the rows of a name, some packs of them at a time.
--
-- KEYS[1]  the name: a hash of packs, each {key: {count, …}, …} in MessagePack
-- ARGV[1]  for how many seconds it is kept from now on
-- ARGV[2…] a pack's number and what to add to it, by turns

local function read(pack)
  local stored = redis.pcall('HGET', KEYS[1], pack)
  if type(stored) == 'table' then redis.call('DEL', KEYS[1]) end -- another's value stands there
  local is_read, rows = pcall(cmsgpack.unpack, type(stored) == 'string' and stored or '')
  return is_read and type(rows) == 'table' and rows or {}
end

for i = 2, #ARGV, 2 do
  local rows = read(ARGV[i])
  for key, added in pairs(cmsgpack.unpack(ARGV[i + 1])) do
    local row = type(rows[key]) == 'table' and rows[key] or {}
    for at, count in ipairs(added) do row[at] = (tonumber(row[at]) or 0) + count end
    rows[key] = row
  end
  redis.call('HSET', KEYS[1], ARGV[i], cmsgpack.pack(rows))
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
