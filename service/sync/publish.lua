-- A new manifest, in one step with the chunks that it names and those that it no longer does.
--
-- KEYS[1]  the manifest
-- KEYS[2]  the greatest fence given out
-- KEYS[3…] the chunks that the manifest names, then those that the one before named alone
-- ARGV[1]  the fence of the writer
-- ARGV[2]  the manifest
-- ARGV[3]  how many chunks it names
-- ARGV[4]  seconds that the others are kept for who reads them now
-- Returns  1, or the error FENCED where a later leader was chosen, or LACKING without a chunk

local named = tonumber(ARGV[3])
local stored = redis.pcall('GET', KEYS[2])
if (type(stored) == 'string' and tonumber(stored) or 0) > tonumber(ARGV[1]) then
  return redis.error_reply('FENCED a later leader was chosen')
end
-- One by one: there may be more of them than unpack takes.
for i = 3, 2 + named do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    return redis.error_reply('LACKING a chunk that the manifest names')
  end
end
for i = 3, 2 + named do redis.call('PERSIST', KEYS[i]) end
for i = 3 + named, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1
