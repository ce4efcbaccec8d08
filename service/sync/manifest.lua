-- The manifest, and the instant of Redis's clock at which it was read.
--
-- KEYS[1]  the manifest
-- Returns  {the manifest or false, now in milliseconds}

local time = redis.call('TIME')
local stored = redis.pcall('GET', KEYS[1])
return {type(stored) == 'string' and stored, time[1] * 1000 + math.floor(time[2] / 1000)}
