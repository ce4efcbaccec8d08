-- Replacing records that are still what they were: what was counted meanwhile is never lost.
--
-- KEYS[1]  the records, a hash by number
-- ARGV     number, the record as it was read, and what it becomes, "" to remove it; and so on
-- Returns  for each number 1, or 0 where it has changed meanwhile

local replaced = {}
for i = 1, #ARGV, 3 do
  local number, before, after = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local same = redis.call('HGET', KEYS[1], number) == before
  if same and after == '' then
    redis.call('HDEL', KEYS[1], number)
  elseif same then
    redis.call('HSET', KEYS[1], number, after)
  end
  replaced[#replaced + 1] = same and 1 or 0
end
return replaced
