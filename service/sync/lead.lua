-- The lead of a sweep: taken by one replica at a time, and by nobody before the next sweep is due.
--
-- KEYS[1]  the lead: the fence of who has it, or RESTING until the next sweep is due
-- KEYS[2]  the greatest fence given out
-- ARGV[1]  milliseconds until the lead of who dies with it is free
-- ARGV[2]  1 to take it before a sweep is due
-- ARGV[3]  milliseconds that a lead can last at the most
-- ARGV[4]  milliseconds that a rest can last at the most
-- Returns  {fence, now in milliseconds}, or {} where another has the lead or none is due
--
-- A fence grows also when Redis has lost the last ones, wiped or failing over: it is an instant.
-- Whatever else stands there is none, and is nobody's lead.

local LATEST = 4503599627370496

local function fence_of(stored)
  local fence = type(stored) == 'string' and tonumber(stored) or 0
  return fence > 0 and fence < LATEST and fence or 0
end

local held = redis.pcall('GET', KEYS[1])
local rests = held == 'RESTING'
-- What lasts longer than anybody sets it to is over: the clock was set back since.
local lasts = redis.call('PTTL', KEYS[1])
local is_on = lasts >= 0 and lasts <= tonumber(rests and ARGV[4] or ARGV[3])
if is_on and (fence_of(held) > 0 or rests and ARGV[2] ~= '1') then return {} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fence = math.max(now, fence_of(redis.pcall('GET', KEYS[2])) + 1)
redis.call('SET', KEYS[2], string.format('%.0f', fence))
redis.call('SET', KEYS[1], string.format('%.0f', fence), 'PX', ARGV[1])
return {fence, now}
