-- What one caller number may be used for, and how it is taken out and comes back.

local hour, hour_end, day, day_end = 0, 0, 0, 0
local windows_by     -- the offsets that these are by
local due_read       -- how many of those were read whose time has come
local parked_before  -- pool -> how many of it were parked before this call; nil for none asked for
local parking        -- the homes of which more or fewer are parked than before
local stale          -- numbers that stand among the parked and are not

local function offset_at(instant)
  local offset = offsets[1][2]
  for i = 2, #offsets do
    if offsets[i][1] <= instant then offset = offsets[i][2] end
  end
  return offset
end

local function utc_of(local_instant)
  return local_instant - offset_at(local_instant - offset_at(local_instant))
end

-- Where the calendar's window around now starts and ends, counted in local time.
local function window(length)
  local offset = offset_at(now)
  local first = now - (now + offset) % length
  if not offsets[2] then return first, first + length end
  return utc_of(first + offset), utc_of(first + offset + length)
end

local begin_candidates = begin
local function begin(bases, arguments)
  local answer = begin_candidates(bases, arguments)
  if answer then return answer end
  due_read, parked_before, parking, stale = 0, nil, {}, NONE
  -- By one offset, most calls are in the windows of the call before.
  local is_within = now >= max(hour, day) and now < min(hour_end, day_end)
  if not is_within or windows_by ~= offsets or offsets[2] then
    hour, hour_end = window(HOUR)
    day, day_end = window(DAY)
    windows_by = offsets
  end
end

local function used_in_hour(record)
  return record[HOUR_OF] == hour and record[IN_HOUR] or 0
end

local function used_in_day(record)
  return record[DAY_OF] == day and record[IN_DAY] or 0
end

-- Open leases, left out those whose end has come, and those of a clock that nobody believes.
local function open_leases(record)
  local leases, open = record[LEASES], {}
  local latest = now + DAY + homes[record[HOME]].limits[4]
  for i = 1, #leases, 2 do
    if leases[i + 1] > now and leases[i + 1] <= latest then
      open[#open + 1] = leases[i]
      open[#open + 1] = leases[i + 1]
    end
  end
  return open
end

local function first_end(leases)
  local first = math.huge
  for i = 2, #leases, 2 do first = min(first, leases[i]) end
  return first
end

-- The lower of its limits' daily cap and its own; 0 for none.
local function day_cap(record)
  local cap, own = homes[record[HOME]].limits[2], record[CAP]
  return own > 0 and (cap == 0 or own < cap) and own or cap
end

-- What keeps a number out by its limits now, as {reason, until}; nil where nothing does.
local function holds(record)
  local home = homes[record[HOME]]
  if not home.has_limits and record[CAP] == 0 then return nil end
  local limits, found = home.limits, nil
  if record[IN_HOUR] < limits[6] and record[IN_DAY] < limits[7] and #record[LEASES] < limits[8]
    and limits[5] == 0 and record[CAP] == 0 then
    return nil -- as most by far
  end
  local cap = day_cap(record)
  if limits[1] > 0 and record[IN_HOUR] >= limits[1] and record[HOUR_OF] == hour then
    found = {{'max_per_hour', hour_end}}
  end
  if cap > 0 and record[IN_DAY] >= cap and record[DAY_OF] == day then
    found = found or {}
    found[#found + 1] = {'max_per_day', day_end}
  end
  if limits[3] > 0 and #record[LEASES] / 2 >= limits[3] then
    local open = open_leases(record)
    if #open / 2 >= limits[3] then
      found = found or {}
      found[#found + 1] = {'max_concurrent', first_end(open)}
    end
  end
  if limits[5] > 0 and record[LAST] > 0 and record[LAST] + limits[5] > now then
    found = found or {}
    found[#found + 1] = {'rest', record[LAST] + limits[5]}
  end
  return found
end

local function mark_dirty(record)
  if not record[DIRTY] then
    record[DIRTY] = true
    dirty[#dirty + 1] = record
  end
end

local function return_of(parks)
  local latest = 0
  for _, instant in pairs(parks) do latest = max(latest, instant, 1) end
  return latest
end

-- Puts a number whose parks have changed where it now belongs.
local function settle(record)
  local was_out = record[OUT] > 0
  record[OUT] = return_of(record[PARKS])
  mark_dirty(record)
  if not was_out and record[OUT] == 0 then return end -- it stands where it stood
  record[MOVED] = true
  if was_out ~= (record[OUT] > 0) then
    local home = homes[record[HOME]]
    home.more_parked, parking[home] = home.more_parked + (was_out and -1 or 1), true
  end
  if record[OUT] > 0 then memory.due = min(memory.due, record[OUT]) end
  if record[OUT] > 0 or record[TURN] > start then return end
  local position = #returned + 1
  while position > 1 and before(record, returned[position - 1]) do position = position - 1 end
  table.insert(returned, position, record)
end

local function park_for(record, reasons)
  load_parks({record[NUMBER]})
  for _, reason in ipairs(reasons) do record[PARKS][reason[1]] = reason[2] end
  settle(record)
end

-- Counts a use at an instant, which is now or was while this ledger was out of reach. Leases are
-- kept where a limit asks for them.
local function use(record, instant)
  turn = turn + 1
  record[IN_HOUR] = (record[HOUR_OF] == hour and record[IN_HOUR] or 0) + (instant >= hour and 1 or 0)
  record[IN_DAY] = (record[DAY_OF] == day and record[IN_DAY] or 0) + (instant >= day and 1 or 0)
  record[HOUR_OF], record[DAY_OF], record[TURN] = hour, day, turn
  record[LAST] = now -- of what is written back too: all counted until then is in the record
  record[MOVED] = true
  mark_dirty(record)
  used[turn - start] = record
  local home = homes[record[HOME]]
  if home.has_limits or record[CAP] > 0 then
    local limits = home.limits
    if limits[3] > 0 and instant + limits[4] > now then
      local leases = record[LEASES]
      if leases[3] or (leases[2] or 0) > now then
        leases = open_leases(record)
        leases[#leases + 1] = turn
        leases[#leases + 1] = instant + limits[4]
        record[LEASES] = leases
      else
        record[LEASES] = {turn, instant + limits[4]}
      end
    end
    local reasons = holds(record)
    if reasons then park_for(record, reasons) end
  end
  return turn
end

-- The next numbers whose time has come; returns how many, and when the one behind them is due.
-- What this call parked itself waits for the next call.
local function take_back(limit)
  local found = call('ZRANGEBYSCORE', keys.parked, '-inf', '+inf', 'WITHSCORES', 'LIMIT',
    text_of(due_read), text_of(limit + 1))
  met[keys.parked] = true
  local due, following = {}, math.huge
  for i = 1, #found, 2 do
    local instant = tonumber(found[i + 1])
    if instant > now or #due == limit then
      following = instant
      break
    end
    due[#due + 1] = found[i]
  end
  if #due == 0 then return 0, following end
  due_read = due_read + #due
  load_parks(due)
  local taken = 0
  for _, number in ipairs(due) do
    local record = records[number]
    if record and record[OUT] > 0 and record[OUT] <= now then
      record[PARKS] = {}
      settle(record)
      taken = taken + 1
    elseif not record or record[OUT] == 0 then
      if stale == NONE then stale = {} end
      stale[#stale + 1] = number -- it is not out: it would be in the way of those that are
    end
  end
  return taken, following
end

local function parked_in(name)
  parked_before = parked_before or {}
  local count = parked_before[name] or sane(call('HGET', keys.parked_in, name), PARK, 0)
  parked_before[name] = count
  for home in pairs(parking) do
    if string.find(home.pools, '\n' .. name .. '\n', 1, true) then
      count = count + home.more_parked
    end
  end
  return count
end
