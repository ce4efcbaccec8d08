-- A number's record, for the script of the picks and that of membership.
--
-- In Redis it is its home, turn, the instant of the last use and that of its return, 0 while it is
-- free; the hour and the day of the last counted use, with their counts. What few have follows: how
-- many leases are open, the turn and the end of each, then msgpack [a daily cap of its own, the
-- regions to keep it from, each with its end]. No instant and no turn reaches PARK. In a script it is
-- an array; whether it was changed and moved, its parks (once they were needed) and those of before
-- stand there only.

local PARK = 4503599627370496
local RECORD_SIZE = 60
local RECORD = '<c12dddddII'
local LEASE_SIZE = 18 -- of one, with the count of them
local RECORD_AND_LEASE = RECORD .. 'Hdd'
local NONE = {} -- never written to

local NUMBER, HOME, TURN, LAST, OUT = 1, 2, 3, 4, 5
local HOUR_OF, DAY_OF, IN_HOUR, IN_DAY = 6, 7, 8, 9
local LEASES, CAP, AVOID = 10, 11, 12
local MOVED, PARKS, PARKS_BEFORE, DIRTY = 13, 14, 15, 16

local function is_instant(value)
  return type(value) == 'number' and value >= 0 and value < PARK
end

-- Reads what few have; false where it cannot be read.
local function read_rest(record, packed)
  if #packed < RECORD_SIZE + 2 then return false end
  local open, at = struct.unpack('<H', packed, RECORD_SIZE + 1)
  if at + 16 * open > #packed + 1 then return false end
  local leases = {}
  for i = 1, 2 * open, 2 do
    leases[i], leases[i + 1], at = struct.unpack('<dd', packed, at)
    if not is_instant(leases[i + 1]) then return false end
  end
  record[LEASES] = leases
  if at > #packed then return record end
  local is_read, more = pcall(cmsgpack.unpack, string.sub(packed, at))
  if not (is_read and type(more) == 'table' and type(more[2]) == 'table') then return false end
  for _, ends in pairs(more[2]) do
    if not is_instant(ends) then return false end
  end
  record[CAP], record[AVOID] = tonumber(more[1]) or 0, more[2]
  return record
end

-- A record of a number; false for what cannot be read.
local function read_record(number, packed)
  if not packed or #packed < RECORD_SIZE then return false end
  local has_lease = #packed == RECORD_SIZE + LEASE_SIZE
  local home, turn, last, out, hour, day, in_hour, in_day, open, its_turn, ends =
    struct.unpack(has_lease and RECORD_AND_LEASE or RECORD, packed)
  local sum = turn + last + out
  if not (sum > -PARK and sum < 3 * PARK) then return false end
  local record = {number, home, turn, last, out, hour, day, in_hour, in_day, NONE, 0, NONE,
    false, false, false, false}
  if #packed == RECORD_SIZE then return record end
  if not (has_lease and open == 1) then return read_rest(record, packed) end
  record[LEASES] = {its_turn, ends}
  return is_instant(ends) and record
end

local function pack_record(record)
  local leases = record[LEASES]
  local has_more = record[CAP] ~= 0 or record[AVOID] ~= NONE
  if #leases == 2 and not has_more then
    return struct.pack(RECORD_AND_LEASE, record[HOME], record[TURN], record[LAST], record[OUT],
      record[HOUR_OF], record[DAY_OF], record[IN_HOUR], record[IN_DAY], 1, leases[1], leases[2])
  end
  local packed = struct.pack(RECORD, record[HOME], record[TURN], record[LAST], record[OUT],
    record[HOUR_OF], record[DAY_OF], record[IN_HOUR], record[IN_DAY])
  if not (leases[1] or has_more) then return packed end
  packed = packed .. struct.pack('<H', #leases / 2)
  for i = 1, #leases, 2 do packed = packed .. struct.pack('<dd', leases[i], leases[i + 1]) end
  return has_more and packed .. cmsgpack.pack({record[CAP], record[AVOID]}) or packed
end
