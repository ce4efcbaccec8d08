-- Renewing the lead, or laying it down: nobody does either with what another has taken.
--
-- KEYS[1]  the lead
-- ARGV[1]  the fence of who had it
-- ARGV[2]  what it becomes: the same fence, or RESTING
-- ARGV[3]  for how many milliseconds; 0 leaves it free at once
-- Returns  1, or 0 where it is not this one's any more

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
