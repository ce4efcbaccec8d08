-- One token of the account's rate, by the generic cell rate algorithm, on Redis's own clock.
--
-- KEYS[1]  the instant at which the bucket is full again, in microseconds of Unix time
-- ARGV[1]  the time that one token takes, in microseconds
-- ARGV[2]  the tokens that the bucket holds
-- ARGV[3]  the tokens that this caller leaves to others
--
-- Returns 0 if the token was taken, else the microseconds until it can be.

local interval, burst, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stored = redis.pcall('GET', KEYS[1])
local full = type(stored) == 'string' and tonumber(stored) or 0

-- The clock went back, at a failover perhaps: no bucket is ever emptier than empty.
if not (full <= now + burst * interval) then full = now end

local wait = full - (burst - 1 - reserve) * interval - now
if wait > 0 then return math.ceil(wait) end

full = math.max(full, now) + interval
-- A background caller may still need to see how long the bucket has been full: one interval more.
local kept = math.ceil((full - now + interval) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', kept)
return 0
