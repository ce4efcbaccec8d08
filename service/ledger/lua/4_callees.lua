-- What one callee may be shown, over all callers, and the picks that are remembered.
--
-- A use of a callee: {instant, groups, number, turn, level, number, turn, level, ...}; a turn of 0
-- is one whose outcome is known. Uses stand in their order.

-- From when a callee may be called again, 0 for now: the latest over the rules that are full.
local function free_at(callee)
  local free = callee.stopped > now and callee.stopped or 0
  for _, rule in ipairs(rules.callee) do
    local limit, length, by_calendar = unpack(rule)
    local since = by_calendar and window(length) or now - length + 1
    local count, oldest = 0, nil
    for i = #callee.uses, 1, -1 do
      if callee.uses[i][1] < since then break end
      count = count + 1
      if count == limit then oldest = callee.uses[i][1] end
    end
    if count >= limit then
      free = math.max(free, by_calendar and select(2, window(length)) or oldest + length)
    end
  end
  return free
end

local function shown_within(callee, span)
  local shown = {}
  for i = #callee.uses, 1, -1 do
    local entry = callee.uses[i]
    if entry[1] <= now - span then break end
    for j = 3, #entry, 3 do shown[entry[j]] = true end
  end
  return shown
end

-- The number shown last for the same groups, if that is not too long ago.
local function sticky_of(callee, groups)
  for i = #callee.uses, 1, -1 do
    local entry = callee.uses[i]
    if entry[1] <= now - rules.sticky then return nil end
    if entry[2] == groups then return entry[3] end
  end
  return nil
end

local function remember_use(callee, groups, uses, instant)
  local kept = {}
  for _, entry in ipairs(callee.uses) do
    if entry[1] > now - rules.horizon then kept[#kept + 1] = entry end
  end
  local entry = {instant, groups}
  for _, one in ipairs(uses) do
    entry[#entry + 1] = one[1]
    entry[#entry + 1] = one[3]
    entry[#entry + 1] = one[2]
  end
  local position = #kept + 1
  while position > 1 and kept[position - 1][1] > instant do position = position - 1 end
  table.insert(kept, position, entry)
  callee.uses, callee.changed = kept, true
end

-- A remembered pick: {body, instant, callee, uses as {number, level, turn}, whether it is over}.
local function remember_call(digest, body, callee, uses, instant)
  local kept = {body, instant, callee, {}, false, true}
  for i, one in ipairs(uses) do kept[4][i] = {one[1], one[2], one[3]} end
  calls[digest] = kept
end

local function call_ttl()
  return math.max(rules.idempotency, rules.remembered)
end

local function lease_of(number)
  local limits = limits_at[records[number].home]
  return limits[4]
end

-- Frees or renews the lease that a turn holds; true where there was one.
local function touch_lease(number, turn_of_use, final)
  local record = load_parks(number)
  if not record then return end
  local open, found = {}, false
  for i = 1, #record.leases, 2 do
    local ends = record.leases[i + 1]
    if record.leases[i] == turn_of_use then
      found = true
      ends = final and 0 or now + lease_of(number)
    end
    if ends > now then
      open[#open + 1] = record.leases[i]
      open[#open + 1] = ends
    end
  end
  if not found then return end
  record.leases = open
  review(number)
end
