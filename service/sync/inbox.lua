-- Puts details of numbers down, for a time: what no sweep takes into the inventory goes by itself.
-- KEYS[1] the hash; ARGV[1] the ms for which it is kept, then a number and its details, each in turn
if type(redis.pcall('HSET', KEYS[1], unpack(ARGV, 2))) == 'table' then -- another's value is there
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
