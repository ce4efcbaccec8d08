-- Everything that the operations changed of the numbers, written at once.

local function write(command, key, arguments, option)
  local size = #arguments
  if size == 2 and option then return call(command, key, option, arguments[1], arguments[2]) end
  for i = 1, size, ARGUMENTS do
    local last = min(i + ARGUMENTS - 1, size)
    if option then
      call(command, key, option, unpack(arguments, i, last))
    else
      call(command, key, unpack(arguments, i, last))
    end
  end
end

-- The homes of what has moved, and whether any changed record has its parks; each home gets its
-- numbers' scores and the lowest of these.
local function changed_homes()
  local changed, has_parks = {}, false
  for i = 1, #dirty do
    local record = dirty[i]
    has_parks = has_parks or record[PARKS]
    if record[MOVED] then
      local home, out = homes[record[HOME]], record[OUT]
      local score, scores = out > 0 and PARK + out or record[TURN], home.scores
      if scores then
        local size = #scores
        scores[size + 1], scores[size + 2] = text_of(score), record[NUMBER]
        if score < home.lowest then home.lowest = score end
      else
        home.scores, home.lowest = {text_of(score), record[NUMBER]}, score
        changed[#changed + 1] = record[HOME]
      end
    end
  end
  return changed, has_parks
end

-- The lowest score of a home once these numbers of it have theirs, as far as its numbers were read.
local function first_score(id, lowest)
  local view = memory.views[id]
  for i = view and view.first or 1, view and #view or 0 do
    local record = view[i]
    if not record[MOVED] then return min(lowest, record[TURN]) end
  end
  if view and view.complete and lowest < PARK then return lowest end
  return tonumber(call('ZRANGE', homes[id].key, '0', '0', 'WITHSCORES')[2]) or lowest
end

-- Whether all that a pool has for picks is this home, by a score that is not too high: it orders
-- nothing, and once there is another home, picks look into this one first until its score is right.
-- A function reads a pool for it once.
local function is_alone(id, name, first)
  local pool = memory.heads[name]
  if not pool and memory.lasts and not memory.crowded[name] then pool = read_heads(name) end
  if not pool then return false end
  if not pool.complete or pool[3] then memory.crowded[name] = true end
  return pool.complete and pool[1] == id and not pool[3] and pool[2] <= first and first < PARK
end

local function write_orders(changed)
  local firsts = {}
  for i = 1, #changed do
    local id = changed[i]
    local home = homes[id]
    if not home.key then
      home.key, home.pool_keys = keys.home .. id, {}
      for at, name in ipairs(home.names) do home.pool_keys[at] = keys.pool .. name end
    end
    write('ZADD', home.key, home.scores, 'XX')
    local first = first_score(id, home.lowest)
    for at, name in ipairs(home.names) do
      local key = home.pool_keys[at]
      local pool = firsts[key]
      if pool then
        pool[#pool + 1], pool[#pool + 2] = text_of(first), id
      elseif not is_alone(id, name, first) then
        firsts[key], memory.heads[name] = {text_of(first), id}, nil
      end
    end
  end
  for key, pool in pairs(firsts) do write('ZADD', key, pool, 'XX') end
end

-- Whether a number that has moved stood behind all that its home's view has read, and does now.
local function is_behind(record, view)
  if not (record[PARKS] and next(record[PARKS_BEFORE])) then return false end
  local last = view[#view]
  return record[OUT] > 0 or record[TURN] > start or not last or before(last, record)
end

-- Makes of what this call has read and changed what the next one would read: the views go on behind
-- those that were used from their beginning, with those that came back behind the others. They
-- begin anew where others have moved.
local function tidy(changed, has_parks)
  local behind = {}
  for i = 1, has_parks and #dirty or 0 do
    local record = dirty[i]
    local id = record[HOME]
    local view = memory.views[id]
    if view and record[MOVED] and is_behind(record, view) then behind[id] = (behind[id] or 0) + 1 end
  end
  for i = 1, #changed do
    local id = changed[i]
    local home, view = homes[id], memory.views[id]
    if view then
      local at = view.from
      while view[at] and view[at][MOVED] and (view[at][OUT] > 0 or view[at][TURN] > start) do
        at = at + 1
      end
      local gone = at - view.from
      local has_others = gone + (behind[id] or 0) < #home.scores / 2
      if has_others or view.has_gaps or at > AT_ONCE or not (view[at] or view.complete) then
        memory.views[id], memory.chunks[id] = nil, view.chunk
      else
        view.read, view.first, view.from = view.read - gone, at, at
      end
    end
    home.scores, home.lowest, home.more_parked = false, 0, 0
  end
  for i = 1, #returned do
    local record = returned[i]
    local is_twice = record == returned[i - 1] -- it came back, went and came back
    local view = not is_twice and memory.views[record[HOME]]
    if view and view.complete and record[OUT] == 0 and record[TURN] <= start then
      view[#view + 1] = record
    end
  end
  for i = 1, #dirty do
    local record = dirty[i]
    record[MOVED], record[PARKS], record[PARKS_BEFORE], record[DIRTY] = false, false, false, false
  end
  for i = 1, #used do
    local record = used[i]
    local view = memory.views[record[HOME]]
    if view and view.complete and record[TURN] == start + i and record[OUT] == 0 then
      view[#view + 1] = record
    end
  end
end

-- Adds to a counter; one that is no number begins anew.
local function add(key, field, change)
  if change == 0 or tonumber(redis.pcall('HINCRBY', key, field, change)) then return end
  unreadable = unreadable + 1
  call('HSET', key, field, format('%d', max(change, 0)))
end

-- What has changed of parks: what is to be written of numbers that are out and of those that are back,
-- and by how much more are parked, by reason and by pool.
local function changed_parks(changed)
  local parked, parks, back, by, more_parked = {}, {}, {}, {}, {}
  for _, record in ipairs(dirty) do
    if record[PARKS] then
      for reason in pairs(record[PARKS]) do by[reason] = (by[reason] or 0) + 1 end
      for reason in pairs(record[PARKS_BEFORE]) do by[reason] = (by[reason] or 0) - 1 end
      if record[OUT] > 0 then
        parked[#parked + 1], parked[#parked + 2] = format('%d', record[OUT]), record[NUMBER]
        parks[#parks + 1], parks[#parks + 2] = record[NUMBER], cmsgpack.pack(record[PARKS])
      elseif next(record[PARKS_BEFORE]) then
        back[#back + 1] = record[NUMBER]
      end
    end
  end
  for reason, change in pairs(by) do
    if change == 0 then by[reason] = nil end
  end
  for _, id in ipairs(changed) do
    local more = homes[id].more_parked
    for _, name in ipairs(more ~= 0 and homes[id].names or NONE) do
      more_parked[name] = (more_parked[name] or 0) + more
    end
  end
  return {parked = parked, parks = parks, back = back, by = by, more_parked = more_parked}
end

local function write_parks(changes)
  write('ZADD', keys.parked, changes.parked)
  write('HSET', keys.parks, changes.parks)
  write('ZREM', keys.parked, changes.back)
  write('HDEL', keys.parks, changes.back)
  for reason, change in pairs(changes.by) do add(keys.parked_by, reason, change) end
  for name, change in pairs(changes.more_parked) do add(keys.parked_in, name, change) end
end

-- Reads of each key that many numbers share what was not read yet: should one have become another
-- type's, the call ends here, before it has written anything.
local function meet(parks)
  call('HGET', keys.numbers, '')
  if not parks then return end
  if not met[keys.parked] then call('ZCARD', keys.parked) end
  if not met[keys.parks] then call('HGET', keys.parks, '') end
  if next(parks.by) then call('HGET', keys.parked_by, '') end
  if next(parks.more_parked) then call('HGET', keys.parked_in, '') end
end

-- Writes the records; returns those that have limits behind a place for the reply, nil for none.
local function write_records()
  local packed, limited = {}, nil
  for i = 1, #dirty do
    local record = dirty[i]
    local number, written = record[NUMBER], pack_record(record)
    packed[2 * i - 1], packed[2 * i] = number, written
    if homes[record[HOME]].has_limits or record[CAP] > 0 then
      limited = limited or {''}
      local size = #limited
      limited[size + 1], limited[size + 2] = number, written
    end
  end
  write('HSET', keys.numbers, packed)
  return limited
end

-- Returns the records that have limits, behind a place for the reply, nil for none.
local function write_numbers()
  local changed, has_parks = changed_homes()
  local parks = has_parks and changed_parks(changed)
  meet(parks)
  -- What counts comes last: a key of another type ends the call before it.
  write_orders(changed)
  if parks then write_parks(parks) end
  write('ZREM', keys.parked, stale)
  local limited = write_records()
  if memory.lasts then tidy(changed, has_parks) end
  return limited
end
