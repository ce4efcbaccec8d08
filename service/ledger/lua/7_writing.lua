-- Everything that the operations changed, written at once; then the reply.

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
        scores[size + 1], scores[size + 2] = format('%d', score), record[NUMBER]
        if score < home.lowest then home.lowest = score end
      else
        home.scores, home.lowest = {format('%d', score), record[NUMBER]}, score
        changed[#changed + 1] = record[HOME]
      end
    end
  end
  return changed, has_parks
end

-- Meets every key that is to be written and was not read: should one of them be gone to another
-- node of a cluster, the call fails here, before it has written anything.
local function touch(changed, has_parks)
  local unmet = has_parks and {keys.parks, keys.parked_by, keys.parked_in} or {}
  for i = 1, #changed do
    local id = changed[i]
    if not views[id] then unmet[#unmet + 1] = keys.home .. id end
    for _, name in ipairs(homes[id].names) do
      if not heads[name] then
        heads[name] = NONE
        unmet[#unmet + 1] = keys.pool .. name
      end
    end
  end
  if unmet[1] then call('EXISTS', unpack(unmet)) end
end

-- Adds to a counter; one that is no number begins anew.
local function add(key, field, change)
  if change == 0 or tonumber(redis.pcall('HINCRBY', key, field, change)) then return end
  unreadable = unreadable + 1
  call('HSET', key, field, format('%d', max(change, 0)))
end

local function write_parks(changed)
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
  write('ZADD', keys.parked, parked)
  write('HSET', keys.parks, parks)
  write('ZREM', keys.parked, back)
  write('HDEL', keys.parks, back)
  for reason, change in pairs(by) do add(keys.parked_by, reason, change) end
  for _, id in ipairs(changed) do
    for _, name in ipairs(homes[id].names) do
      more_parked[name] = (more_parked[name] or 0) + homes[id].more_parked
    end
  end
  for name, change in pairs(more_parked) do add(keys.parked_in, name, change) end
end

-- The lowest score of a home once these numbers of it have theirs, as far as its numbers were read.
local function first_score(id, lowest)
  local view = views[id]
  for i = view and view.first or 1, view and #view or 0 do
    local record = view[i]
    if not record[MOVED] then return min(lowest, record[TURN]) end
  end
  return tonumber(call('ZRANGE', keys.home .. id, '0', '0', 'WITHSCORES')[2]) or lowest
end

-- Whether all that a pool has for picks is this home, by a score that is not too high: it orders
-- nothing, and once there is another home, picks look into this one first until its score is right.
local function is_alone(id, pool, first)
  return pool and pool.complete and pool[1] == id and not pool[3] and pool[2] <= first
    and first < PARK
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

local function write_orders(changed)
  local firsts = {}
  for i = 1, #changed do
    local id = changed[i]
    local home = homes[id]
    write('ZADD', keys.home .. id, home.scores, 'XX')
    local first = first_score(id, home.lowest)
    local score = format('%d', first)
    for _, name in ipairs(home.names) do
      local pool = firsts[name]
      if pool then
        pool[#pool + 1], pool[#pool + 2] = score, id
      elseif not is_alone(id, heads[name], first) then
        firsts[name] = {score, id}
      end
    end
  end
  for name, pool in pairs(firsts) do write('ZADD', keys.pool .. name, pool, 'XX') end
end

-- The answer to the operation at a position, whether it was a dry run, and the position after it.
-- A text is the arm of the pick behind it.
local others
local function apply(at, arm)
  local operation = operations[at]
  if type(operation) == 'number' then
    if operation > 0 then
      return pick(plan_of(operation), '', '', '', 1, NONE, false, false, arm), false, at + 1
    end
    local callee, known, body = operations[at + 1], operations[at + 2], operations[at + 3]
    return pick(plan_of(-operation), callee, known, body, 1, NONE, false, false, arm), false, at + 4
  end
  if type(operation) == 'string' then return apply(at + 1, operation) end
  local name, second = operation[1], operation[2]
  if type(name) == 'number' then
    operation[9] = arm
    return pick(plan_of(name), unpack(operation, 2)), operation[7], at + 1
  end
  others = others or other_operations()
  return others[name](unpack(operation, 2)), second == true, at + 1
end

-- Writes what the call has changed beside its reply; returns the records that have limits, behind a
-- place for it, nil for none.
local function write_changes()
  local changed, has_parks = changed_homes()
  touch(changed, has_parks)
  if has_parks then write_parks(changed) end
  write('ZREM', keys.parked, stale)
  local limited = write_records()
  write_orders(changed)
  write_memory()
  return limited
end

local function decide(bases, arguments)
  local answer = begin(bases, arguments)
  if answer then return answer end
  take_back(RETURNS_A_CALL)
  load_memory()
  local answers, dry, at = {}, true, 1
  for i = 1, batch do
    local is_dry
    answers[i], is_dry, at = apply(at, '')
    dry = dry and is_dry
  end
  local limited = not dry and write_changes()
  local reply = reply_with(answers)
  if not dry then write_state(reply) end
  if not limited then return reply end
  limited[1] = reply
  return limited
end
