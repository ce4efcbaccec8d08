-- What one caller number may be used for, and how it is taken out and comes back.

local function offset_at(instant)
  local offset = rules.offsets[1][2]
  for _, entry in ipairs(rules.offsets) do
    if entry[1] <= instant then offset = entry[2] end
  end
  return offset
end

local function utc_of(local_instant)
  return local_instant - offset_at(local_instant - offset_at(local_instant))
end

-- Where the calendar's window around now starts and ends, counted in local time.
local windows = {}
local function window(length)
  local found = windows[length]
  if not found then
    local local_now = now + offset_at(now)
    local first = local_now - local_now % length
    found = {utc_of(first), utc_of(first + length)}
    windows[length] = found
  end
  return found[1], found[2]
end

local function used_in_hour(record)
  return record.hour == window(HOUR) and record.in_hour or 0
end

local function used_in_day(record)
  return record.day == window(DAY) and record.in_day or 0
end

local function day_cap(record, limits)
  if limits[2] == 0 or record.cap == 0 then return math.max(limits[2], record.cap) end
  return math.min(limits[2], record.cap)
end

-- Open leases, those whose end has come left out.
local function open_leases(record)
  local open = {}
  for i = 1, #record.leases, 2 do
    if record.leases[i + 1] > now then
      open[#open + 1] = record.leases[i]
      open[#open + 1] = record.leases[i + 1]
    end
  end
  return open
end

local function first_end(leases)
  local first = math.huge
  for i = 2, #leases, 2 do first = math.min(first, leases[i]) end
  return first
end

-- What keeps a number out by its limits now, as {reason, until}.
local function holds(record)
  local limits = limits_at[record.home]
  if limits.none and record.cap == 0 then return NONE end
  local found, cap = {}, day_cap(record, limits)
  if limits[1] > 0 and used_in_hour(record) >= limits[1] then
    found[1] = {'max_per_hour', select(2, window(HOUR))}
  end
  if cap > 0 and used_in_day(record) >= cap then
    found[#found + 1] = {'max_per_day', select(2, window(DAY))}
  end
  if limits[3] > 0 then
    local open = open_leases(record)
    if #open / 2 >= limits[3] then found[#found + 1] = {'max_concurrent', first_end(open)} end
  end
  if limits[5] > 0 and record.last > 0 and record.last + limits[5] > now then
    found[#found + 1] = {'rest', record.last + limits[5]}
  end
  return found
end

-- Puts a number whose parks have changed where it now belongs.
local function settle(number, record)
  record.moved = true
  if is_parked(record) then return end
  local list = record.turn > start and used or returned
  local position = #list + 1
  while position > 1 and
      before(record.turn, number, list[position - 1].turn, list[position - 1].number) do
    position = position - 1
  end
  table.insert(list, position, {number = number, turn = record.turn})
end

local function park_for(number, reasons)
  local record = load_parks(number)
  for _, reason in ipairs(reasons) do record.parks[reason[1]] = reason[2] end
  settle(number, record)
end

-- Counts a use at an instant, which is now or was while this ledger was out of reach. Leases are
-- kept where a limit asks for them.
local function use(number, instant)
  local record = records[number]
  local limits = limits_at[record.home]
  turn = turn + 1
  local in_hour = instant >= window(HOUR) and 1 or 0
  local in_day = instant >= window(DAY) and 1 or 0
  record.in_hour, record.hour = used_in_hour(record) + in_hour, (window(HOUR))
  record.in_day, record.day = used_in_day(record) + in_day, (window(DAY))
  record.turn, record.last, record.moved = turn, math.max(record.last, instant), true
  if limits[3] > 0 and instant + limits[4] > now then
    record.leases = open_leases(record)
    record.leases[#record.leases + 1] = turn
    record.leases[#record.leases + 1] = instant + limits[4]
  end
  used[#used + 1] = {number = number, turn = turn}
  local reasons = holds(record)
  if #reasons > 0 then park_for(number, reasons) end
  return turn
end

local due_read = 0

-- The next numbers whose time has come. What this call parked itself waits for the next call.
local function take_back(limit)
  local due = redis.call('ZRANGEBYSCORE', base .. 'parked', '-inf', now, 'LIMIT', due_read, limit)
  due_read = due_read + #due
  local taken = 0
  for _, number in ipairs(due) do
    local record = load_parks(number)
    if record and is_parked(record) and return_of(record.parks) <= now then
      record.parks = {}
      settle(number, record)
      taken = taken + 1
    end
  end
  return taken
end

local function parked_in(name)
  local count = redis.call('ZCOUNT', base .. 'pool:' .. name, PARK, '+inf')
  for _, record in pairs(records) do
    if record and record.parks and homes[record.home][name] then
      count = count + (is_parked(record) and 1 or 0) - (next(record.parks_before) and 1 or 0)
    end
  end
  return count
end

-- Drops the parks by limits that no longer hold, and takes in those that do.
local LIMIT_REASONS = {'max_per_hour', 'max_per_day', 'max_concurrent', 'rest'}
local function review(number)
  local record = load_parks(number)
  if not record then return end
  for _, reason in ipairs(LIMIT_REASONS) do record.parks[reason] = nil end
  for _, reason in ipairs(holds(record)) do record.parks[reason[1]] = reason[2] end
  settle(number, record)
end
