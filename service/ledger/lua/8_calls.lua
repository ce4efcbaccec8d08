-- One call: its operations in order, then everything that they have changed, then the reply.

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

local function take_back_due()
  if memory.due > now then return end
  local as_many = min(batch, RETURNS_A_CALL) -- as go, where each of them rests
  local _, following = take_back(as_many)
  if following <= now then _, following = take_back(RETURNS_A_CALL - as_many) end
  memory.due = following
end

local function decide(bases, arguments)
  local answer = begin(bases, arguments)
  if answer then return answer end
  take_back_due()
  load_remembered()
  local answers, dry, at = {}, true, 1
  for i = 1, batch do
    local is_dry
    answers[i], is_dry, at = apply(at, '')
    dry = dry and is_dry
  end
  if dry then
    if memory.lasts and not dirty[1] then keep_memory() end
    return reply_with(answers)
  end
  local limited = write_numbers()
  write_remembered()
  local reply = reply_with(answers)
  write_state(reply)
  if memory.lasts then keep_memory() end
  if not limited then return reply end
  limited[1] = reply
  return limited
end
