-- Everything that the operations changed, written at once; then the reply.

local function write(command, key, option, arguments)
  for i = 1, #arguments, ARGUMENTS do
    local last = math.min(i + ARGUMENTS - 1, #arguments)
    if option then
      redis.call(command, key, option, unpack(arguments, i, last))
    else
      redis.call(command, key, unpack(arguments, i, last))
    end
  end
end

local parked_by = {}
local function write_parks(number, record)
  for reason in pairs(record.parks) do
    if not record.parks_before[reason] then parked_by[reason] = (parked_by[reason] or 0) + 1 end
  end
  for reason in pairs(record.parks_before) do
    if not record.parks[reason] then parked_by[reason] = (parked_by[reason] or 0) - 1 end
  end
  if is_parked(record) then
    redis.call('ZADD', base .. 'parked', return_of(record.parks), number)
    redis.call('HSET', base .. 'parks', number, cmsgpack.pack(record.parks))
  elseif next(record.parks_before) then
    redis.call('ZREM', base .. 'parked', number)
    redis.call('HDEL', base .. 'parks', number)
  end
end

local function write_numbers()
  local packed, scores = {}, {}
  for number, record in pairs(records) do
    if record and record.moved then
      local score = record.turn
      if record.parks then
        write_parks(number, record)
        if is_parked(record) then score = PARK + return_of(record.parks) end
      end
      packed[#packed + 1] = number
      packed[#packed + 1] = pack_record(record)
      for name in pairs(homes[record.home]) do
        local list = scores[name] or {}
        scores[name] = list
        list[#list + 1] = score
        list[#list + 1] = number
      end
    end
  end
  write('HSET', base .. 'numbers', nil, packed)
  for name, list in pairs(scores) do write('ZADD', base .. 'pool:' .. name, 'XX', list) end
  for reason, change in pairs(parked_by) do
    if change ~= 0 then redis.call('HINCRBY', base .. 'parked_by', reason, change) end
  end
end

-- Keys outlive what they hold a little: clocks jump, and no decision rests on a key's expiry.
local GRACE = 10000

local function write_memory()
  for digest, callee in pairs(callees) do
    if callee.changed then
      local ttl = math.max(rules.horizon, callee.stopped - now) + GRACE
      local packed = cmsgpack.pack({callee.stopped, callee.uses})
      redis.call('SET', callee_base .. digest, packed, 'PX', ttl)
    end
  end
  for digest, known in pairs(calls) do
    if known and known[6] then
      known[6] = nil
      local ttl = math.max(call_ttl() - (now - known[2]), 0) + GRACE
      redis.call('SET', base .. 'call:' .. digest, cmsgpack.pack(known), 'PX', ttl)
    end
  end
end

take_back(RETURNS_A_CALL)
local answers, dry = {}, true
for i, operation in ipairs(operations) do
  dry = dry and operation[2] == true
  answers[i] = run[operation[1]](unpack(operation, 2))
end
local reply = cmsgpack.pack({process, call_number, now, generation, answers})
if not dry then
  write_numbers()
  write_memory()
  redis.call('HSET', base .. 'state', 'turn', turn, 'now', now)
  redis.call('HSET', process_key, 'number', call_number,
    'answer' .. call_number % ANSWERS_KEPT, reply)
  redis.call('PEXPIRE', process_key, PROCESS_TTL)
end
return reply
