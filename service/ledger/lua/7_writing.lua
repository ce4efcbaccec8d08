-- Everything that the operations changed, written at once; then the reply.

local PROCESS_TTL = 86400000 -- what became of a call may be asked for a day later

local function write(command, key, option, arguments)
  for i = 1, #arguments, ARGUMENTS do
    local last = math.min(i + ARGUMENTS - 1, #arguments)
    if option then
      call(command, key, option, unpack(arguments, i, last))
    else
      call(command, key, unpack(arguments, i, last))
    end
  end
end

local function has_parks()
  for i = 1, #moved do
    if moved[i][PARKS] then return true end
  end
  return false
end

-- The pools of each home that has changed, and of each such pool how many more are parked in it.
local function changed_pools()
  local pools_of, more_parked = {}, {}
  for i = 1, #moved do
    local home = moved[i][HOME]
    if not pools_of[home] then
      pools_of[home] = homes[home].names
      for _, name in ipairs(pools_of[home]) do
        more_parked[name] = (more_parked[name] or 0) + (parked_change[home] or 0)
      end
    end
  end
  return pools_of, more_parked
end

-- Meets every key that is to be written and was not read: should one of them be gone to another
-- node of a cluster, the call fails here, before it has written anything.
local function touch(pools_of, more_parked)
  local keys = {}
  if has_parks() then keys = {base .. 'parks', base .. 'parked_by', base .. 'parked_in'} end
  for home in pairs(pools_of) do
    if not views[home] then keys[#keys + 1] = base .. 'home:' .. home end
  end
  for name in pairs(more_parked) do
    if not heads[name] then keys[#keys + 1] = base .. 'pool:' .. name end
  end
  if keys[1] then call('EXISTS', unpack(keys)) end
end

-- Adds to a counter; one that is no number begins anew.
local function add(key, field, change)
  if change == 0 or tonumber(redis.pcall('HINCRBY', key, field, change)) then return end
  met.unreadable = met.unreadable + 1
  call('HSET', key, field, format('%d', max(change, 0)))
end

local function write_parks(more_parked)
  local parked, parks, back, by = {}, {}, {}, {}
  for _, record in ipairs(moved) do
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
  write('ZADD', base .. 'parked', nil, parked)
  write('HSET', base .. 'parks', nil, parks)
  write('ZREM', base .. 'parked', nil, back)
  write('HDEL', base .. 'parks', nil, back)
  for reason, change in pairs(by) do add(base .. 'parked_by', reason, change) end
  for name, change in pairs(more_parked) do add(base .. 'parked_in', name, change) end
end

-- The lowest score of a home once these numbers of it have theirs, as far as its numbers were read.
local function first_score(home, lowest)
  local view = views[home]
  for i = view and view.first or 1, view and #view or 0 do
    local record = view[i]
    if not record[MOVED] then return format('%d', math.min(lowest, record[TURN])) end
  end
  return call('ZRANGE', base .. 'home:' .. home, '0', '0', 'WITHSCORES')[2]
end

-- Writes the records; returns those that have limits, behind a place for the reply.
local function write_numbers(pools_of)
  local packed, scores, lowest, firsts, limited = {}, {}, {}, {}, {''}
  for i = 1, #moved do
    local record = moved[i]
    local home, written = record[HOME], pack_record(record)
    packed[2 * i - 1], packed[2 * i] = record[NUMBER], written
    if homes[home].has_limits or record[CAP] > 0 then
      limited[#limited + 1] = record[NUMBER]
      limited[#limited + 1] = written
    end
    local list, score = scores[home], record[OUT] > 0 and PARK + record[OUT] or record[TURN]
    if list then
      list[#list + 1], list[#list + 2] = format('%d', score), record[NUMBER]
    else
      scores[home] = {format('%d', score), record[NUMBER]}
    end
    lowest[home] = math.min(lowest[home] or score, score)
  end
  write('HSET', base .. 'numbers', nil, packed)
  for home, list in pairs(scores) do
    write('ZADD', base .. 'home:' .. home, 'XX', list)
    local first = first_score(home, lowest[home])
    for _, name in ipairs(pools_of[home]) do
      local heads = firsts[name]
      if heads then
        heads[#heads + 1], heads[#heads + 2] = first, home
      else
        firsts[name] = {first, home}
      end
    end
  end
  for name, heads in pairs(firsts) do write('ZADD', base .. 'pool:' .. name, 'XX', heads) end
  return limited
end

-- Keys outlive what they hold: clocks jump, ledger time may go at nine tenths of the pace, and no
-- decision rests on a key's expiry.
local GRACE = 10000
local function ttl_of(span) return format('%d', span * 10 / 9 + GRACE) end

local function write_memory()
  local ttl = ttl_of(horizon)
  for digest, callee in pairs(callees) do
    if callee.changed then
      local longer = callee.stopped - now > horizon
      local span = longer and ttl_of(callee.stopped - now) or ttl
      call('SET', callee_base .. digest, pack_callee(callee), 'PX', span)
    end
  end
  if met.stopped > now then
    local stops, span = callee_base .. 'stops', ttl_of(met.stopped - now)
    if call('PTTL', stops) < tonumber(span) then call('SET', stops, '', 'PX', span) end
  end
  ttl = ttl_of(call_ttl)
  for digest, known in pairs(calls) do
    if known and known[6] then
      local span = known[2] == now and ttl or ttl_of(max(call_ttl - (now - known[2]), 0))
      call('SET', base .. 'call:' .. digest, pack_call(known), 'PX', span)
    end
  end
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
-- place for it.
local function write_changes()
  local pools_of, more_parked = changed_pools()
  touch(pools_of, more_parked)
  if has_parks() then write_parks(more_parked) end
  write('ZREM', base .. 'parked', nil, met.stale)
  local limited = write_numbers(pools_of)
  write_memory()
  return limited
end

local function write_state(reply)
  local process_key = base .. 'process:' .. process
  call('HSET', base .. 'state', 'turn', format('%d', turn), 'now', format('%d', now))
  if met.paced then
    call('HSET', base .. 'state', 'paced_at', format('%d', met.paced[1]), 'paced_from',
      format('%d', met.paced[2]))
  end
  call('HSET', process_key, 'number', format('%d', call_number), 'answer' .. slot, reply)
  -- An expiry that still leaves half of its time costs nothing.
  if met.expires < now + PROCESS_TTL / 2 then
    call('HSET', process_key, 'expires', format('%d', now + PROCESS_TTL))
    call('PEXPIRE', process_key, format('%d', PROCESS_TTL))
  end
end

local function decide(keys, arguments)
  local answer = begin(keys, arguments)
  if answer then return answer end
  take_back(RETURNS_A_CALL)
  load_memory()
  local answers, dry, at = {}, true, 1
  for i = 1, batch do
    local is_dry
    answers[i], is_dry, at = apply(at, '')
    dry = dry and is_dry
  end
  local limited = dry and {''} or write_changes()
  local reply = cmsgpack.pack({process, call_number, now, met.generation, answers, met.behind,
    met.unreadable, met.damaged})
  if not dry then write_state(reply) end
  limited[1] = reply
  return limited[2] and limited or reply
end
