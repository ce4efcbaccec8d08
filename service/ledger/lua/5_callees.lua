-- What one callee may be shown, over all callers, and the picks that are remembered.
--
-- A callee: {stopped, uses, whether this call changed it}; a use of it: {instant, groups, number,
-- turn, mark, number, turn, mark, ...}, a turn of 0 being one whose outcome is known. Uses stand
-- in their order. Before them may stand the words to the stop, as a use of no number at instant 0:
-- {0, by whom and why, in two lines}. A remembered pick: {body, instant, callee, uses as {number,
-- mark, turn}, whether it is over, whether this call changed it (ENDED if it has but ended it), the
-- processes that it was repeated to, each between two spaces, or nil}. Both are stored by `struct`,
-- which takes less time than msgpack: texts end with a NUL, lists begin with how many there are.

local callees           -- digest -> callee, false where nothing is known of it
local calls             -- digest -> a remembered pick, false where unknown
-- What this call's picks left of them where nothing was known, as it is stored. Most are not asked
-- for again in the call; one that is moves to the tables above.
local new_callees, new_calls

local ENDED = 'ended'

local begin_callers = begin
local function begin(bases, arguments)
  local answer = begin_callers(bases, arguments)
  if answer then return answer end
  callees, calls, new_callees, new_calls = {}, {}, {}, {}
end

local function unpack_callee(packed)
  local uses, count = {}, 0
  local stopped, at = struct.unpack('<d', packed)
  local sum = stopped
  while at <= #packed do
    local entry = {}
    entry[1], entry[2], count, at = struct.unpack('<dsB', packed, at)
    for i = 3, 3 * count, 3 do
      entry[i], entry[i + 1], entry[i + 2], at = struct.unpack('<sds', packed, at)
    end
    sum = sum + entry[1]
    if entry[1] <= now + DAY then uses[#uses + 1] = entry end -- else nobody believes its clock
  end
  if not (sum >= 0 and sum < PARK) then error('no callee') end
  return {stopped = stopped, uses = uses, changed = false}
end

-- What cannot be read is as if it had expired: nobody can tell any more what it was.
local function readable(unpacked, packed)
  local is_read, value = pcall(unpacked, packed)
  if is_read then return value end
  unreadable = unreadable + 1
  return nil
end

local function callee_from(packed)
  return packed and readable(unpack_callee, packed) or false
end

local function pack_callee(callee)
  local first = callee.uses[1]
  if first and not callee.uses[2] and #first == 5 then
    return struct.pack('<ddsBsds', callee.stopped, first[1], first[2], 1, first[3], first[4],
      first[5])
  end
  local packed = {struct.pack('<d', callee.stopped)}
  for _, entry in ipairs(callee.uses) do
    packed[#packed + 1] = struct.pack('<dsB', entry[1], entry[2], (#entry - 2) / 3)
    for i = 3, #entry, 3 do
      packed[#packed + 1] = struct.pack('<sds', entry[i], entry[i + 1], entry[i + 2])
    end
  end
  return table.concat(packed)
end

local function unpack_call(packed)
  local body, instant, callee, over, count, at = struct.unpack('<sdsBB', packed)
  if not (instant >= 0 and instant < PARK) then error('no call') end
  local uses, repeated_to = {}, nil
  for i = 1, count do
    local number, level, its_turn
    number, level, its_turn, at = struct.unpack('<ssd', packed, at)
    if string.find(number .. level, '[^ -~]') then error('no text') end
    uses[i] = {number, level, its_turn}
  end
  if at <= #packed then repeated_to = struct.unpack('<s', packed, at) end
  return {body, instant, callee, uses, over == 1, false, repeated_to}
end

local function known_call_from(packed)
  return packed and readable(unpack_call, packed) or false
end

local function pack_call(known)
  local uses = known[4]
  if #uses == 1 and not known[7] then
    return struct.pack('<sdsBBssd', known[1], known[2], known[3], known[5] and 1 or 0, 1,
      uses[1][1], uses[1][2], uses[1][3])
  end
  local packed = struct.pack('<sdsBB', known[1], known[2], known[3], known[5] and 1 or 0, #uses)
  for i = 1, #uses do
    packed = packed .. struct.pack('<ssd', uses[i][1], uses[i][2], uses[i][3])
  end
  return known[7] and packed .. struct.pack('<s', known[7]) or packed
end

-- Reads the numbers that were shown under some calls, all at once.
local function load_shown(digests)
  local numbers = {}
  for _, digest in ipairs(digests) do
    for _, use in ipairs(calls[digest] and calls[digest][4] or NONE) do
      numbers[#numbers + 1] = use[1]
    end
    if #numbers >= ARGUMENTS then
      load(numbers)
      numbers = {}
    end
  end
  load(numbers)
end

-- Reads what the picks and outcomes of this call will ask for, all at once: the callee and the call
-- of each that has one of them; under a digest "" nothing is stored.
local function load_remembered()
  local wanted, digests, followed, count, at = nil, nil, nil, 0, 1
  while operations[at] do
    local operation, digest, call_digest = operations[at], nil, nil
    local kind = type(operation)
    if kind == 'number' and operation < 0 then
      digest, call_digest = operations[at + 1], operations[at + 2]
      at = at + 3
    elseif kind == 'table' and operation[1] == 'outcome' then
      call_digest, digest = operation[2], operation[3]
      followed = followed or {}
      followed[#followed + 1] = call_digest
    end
    if digest then
      local callee_key, call_key = callee_base .. digest, keys.call .. call_digest
      if count == 0 then
        wanted, digests = {callee_key, call_key}, {digest, call_digest}
      else
        wanted[count + 1], wanted[count + 2] = callee_key, call_key
        digests[count + 1], digests[count + 2] = digest, call_digest
      end
      count = count + 2
    end
    at = at + 1
  end
  for first = 1, count, ARGUMENTS do
    local last = min(first + ARGUMENTS - 1, count)
    local found = call('MGET', unpack(wanted, first, last))
    for i = first, last, 2 do
      local callee, known = found[i - first + 1], found[i - first + 2]
      callees[digests[i]] = callee and callee_from(callee)
      calls[digests[i + 1]] = known and known_call_from(known)
    end
  end
  if followed then load_shown(followed) end
end

-- A text; what stands there of another type is none.
local function stored(key)
  local found = redis.pcall('GET', key)
  return type(found) == 'string' and found
end

-- A callee; false where nothing is known of it.
local function known_callee(digest)
  local callee = callees[digest]
  if callee == nil then
    local packed = new_callees[digest]
    callee = callee_from(packed or stored(callee_base .. digest))
    if packed and callee then callee.changed, new_callees[digest] = true, nil end
    callees[digest] = callee
  end
  return callee
end

local function callee_of(digest)
  local callee = known_callee(digest) or {stopped = 0, uses = {}, changed = false}
  callees[digest] = callee
  return callee
end

local function call_of(digest)
  local known = calls[digest]
  if known == nil then
    local packed = new_calls[digest]
    known = known_call_from(packed or stored(keys.call .. digest))
    if packed and known then known[6], new_calls[digest] = true, nil end
    calls[digest] = known
  end
  return known
end

-- From when a callee may be called again, 0 for now: the latest over the rules that are full.
local function free_at(callee)
  local free = callee.stopped > now and callee.stopped or 0
  local uses = callee.uses
  if #uses == 0 then return free end
  for _, rule in ipairs(callee_rules) do
    local limit, length, by_calendar = rule[1], rule[2], rule[3]
    local since = by_calendar and window(length) or now - length + 1
    local count, oldest = 0, nil
    for i = #uses, 1, -1 do
      if uses[i][1] < since then break end
      count = count + 1
      if count == limit then oldest = uses[i][1] end
    end
    if count >= limit then
      free = max(free, by_calendar and select(2, window(length)) or oldest + length)
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
    if entry[1] <= now - stickiness then return nil end
    if entry[2] == groups then return entry[3] end
  end
  return nil
end

-- Adds a use in its place, and forgets those beyond the horizon.
local function add_use(callee, entry)
  callee.changed = true
  if not callee.uses[1] then
    callee.uses[1] = entry
    return
  end
  local kept = {}
  for _, one in ipairs(callee.uses) do
    if one[1] > now - horizon or (not one[3] and callee.stopped > now) then kept[#kept + 1] = one end
  end
  local position = #kept + 1
  while position > 1 and kept[position - 1][1] > entry[1] do position = position - 1 end
  table.insert(kept, position, entry)
  callee.uses = kept
end

-- Remembers a pick: for its callee's rules, for a repetition, for an outcome.
local function remember(uses, digest, groups, call_digest, body, instant)
  if digest ~= '' and instant > now - horizon then
    local entry = {instant, groups}
    for i, use in ipairs(uses) do
      entry[3 * i], entry[3 * i + 1], entry[3 * i + 2] = use[1], use[3], use[2]
    end
    add_use(callee_of(digest), entry)
  end
  if call_digest ~= '' and instant > now - call_ttl then
    calls[call_digest] = {body, instant, digest, uses, false, true}
  end
end

-- The same of a pick of one number, made now.
local function remember_use(number, mark, its_turn, digest, groups, call_digest, body)
  if digest ~= '' and horizon > 0 then
    local callee = known_callee(digest)
    if callee then
      add_use(callee, {now, groups, number, its_turn, mark})
    else
      new_callees[digest] = struct.pack('<ddsBsds', 0, now, groups, 1, number, its_turn, mark)
      callees[digest] = nil
    end
  end
  if call_digest ~= '' and call_ttl > 0 then
    new_calls[call_digest] =
      struct.pack('<sdsBBssd', body, now, digest, 0, 1, number, mark, its_turn)
    calls[call_digest] = nil
  end
end

-- Keys outlive what they hold: clocks jump, ledger time may go at nine tenths of the pace, and no
-- decision rests on a key's expiry.
local GRACE = 10000
local function ttl_of(span) return format('%d', span * 10 / 9 + GRACE) end

-- Ends a call by the one byte behind its body, instant and callee; false where the user may not.
local function has_ended(digest, known)
  local at = format('%d', #known[1] + #known[3] + 10)
  return type(redis.pcall('SETRANGE', keys.call .. digest, at, '\1')) == 'number'
end

local function write_remembered()
  local ttl
  for digest, packed in pairs(new_callees) do
    ttl = ttl or ttl_of(horizon)
    call('SET', callee_base .. digest, packed, 'PX', ttl)
  end
  local latest_stop = now
  for digest, callee in pairs(callees) do
    if callee and callee.changed then
      local longer = callee.stopped - now > horizon
      ttl = ttl or ttl_of(horizon)
      local span = longer and ttl_of(callee.stopped - now) or ttl
      call('SET', callee_base .. digest, pack_callee(callee), 'PX', span)
      latest_stop = max(latest_stop, callee.stopped)
    end
  end
  if latest_stop > now then
    local stops, span = callee_base .. 'stops', ttl_of(latest_stop - now)
    if call('PTTL', stops) < tonumber(span) then call('SET', stops, '', 'PX', span) end
  end
  ttl = nil
  for digest, packed in pairs(new_calls) do
    ttl = ttl or ttl_of(call_ttl)
    call('SET', keys.call .. digest, packed, 'PX', ttl)
  end
  local instant, span -- those of a batch are often of one instant
  for digest, known in pairs(calls) do
    if known and known[6] and not (known[6] == ENDED and has_ended(digest, known)) then
      if known[2] ~= instant then
        instant, span = known[2], ttl_of(max(call_ttl - (now - known[2]), 0))
      end
      call('SET', keys.call .. digest, pack_call(known), 'PX', span)
    end
  end
end
