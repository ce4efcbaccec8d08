-- A pick; it answers as `wire.py` says.

-- The mark of a use of a step: the step's, which ends in a token for the group of each pool, with
-- the token of the first pool alone that has the number. `marks.py` says what else stands there.
local TOKEN = 8
local function mark_in(step, pools)
  local mark, names = step[1], step[2]
  if not string.find(mark, ' ', 1, true) then return mark end
  local tokens = #mark - TOKEN * #names
  for i, name in ipairs(names) do
    if string.find(pools, '\n' .. name .. '\n', 1, true) then
      local at = tokens + TOKEN * i
      return string.sub(mark, 1, tokens) .. string.sub(mark, at - TOKEN + 1, at)
    end
  end
  return mark
end

local function mark_of(step, record)
  if not step[2][2] then return step[1] end
  local home = homes[record[HOME]]
  local mark = home[step] -- a batch takes many numbers of few homes
  if not mark then
    mark = mark_in(step, home.pools)
    home[step] = mark
  end
  return mark
end

-- Each number that was shown, with its mark.
local function shown_of(uses)
  local shown = {}
  for i, one in ipairs(uses) do shown[i] = {one[1], one[2]} end
  return shown
end

-- One number and nobody passed over is the answer to most picks: it goes as text.
local function picked(uses, reasons, looks)
  if #uses == 1 and #reasons == 0 and not looks then return uses[1][1] .. ' ' .. uses[1][2] end
  return {shown_of(uses), reasons, '', 0, looks or NONE}
end

-- The pick that was answered under a call and is good for a repetition, or nil.
local function answered_before(call_digest)
  local known = call_digest ~= '' and call_of(call_digest)
  return known and known[2] > now - idempotency and known or nil
end

-- What keeps a pick from being made: it was answered before, or its callee was called too often.
local function refused(callee, call_digest, body, dry_run)
  local known = not dry_run and answered_before(call_digest)
  if known then
    if known[1] ~= body then return {{}, {}, 'reused', 0, {}} end
    local others = known[7] or ' '
    if not string.find(others, ' ' .. process .. ' ', 1, true) then
      known[6], known[7] = true, others .. process .. ' '
    end
    return {shown_of(known[4]), NONE, '', 0, NONE, true}
  end
  local free = callee and free_at(callee) or 0
  if free > 0 then return {{}, {}, 'budget', free, {}} end
  return nil
end

-- Takes the turns, and remembers the pick.
-- Numbers of which the use is `counted` already are remembered only.
local function record_uses(uses, digest, groups, call_digest, body, instant, counted)
  for _, one in ipairs(uses) do
    local record = not counted[one[1]] and record_of(one[1])
    one[3] = record and use(record, instant) or 0
  end
  remember(uses, digest, groups, call_digest, body, instant)
end

-- The same for one number, used now; returns the answer.
local function record_use(record, mark, digest, groups, call_digest, body)
  local number, its_turn = record[NUMBER], use(record, now)
  remember_use(number, mark, its_turn, digest, groups, call_digest, body)
  return number .. ' ' .. mark
end

local function reasons_of(rejected)
  if next(rejected) == nil then return NONE end
  local reasons = {}
  for reason, count in pairs(rejected) do reasons[#reasons + 1] = {reason, count} end
  table.sort(reasons, function(one, other) return one[1] < other[1] end)
  return reasons
end

local function look(looks, record, mark, reason)
  if not looks then return end
  local level = string.match(mark, '^[^ ]*')
  looks[#looks + 1] = {record[NUMBER], level, max(record[TURN], 0), used_in_hour(record),
    used_in_day(record), reason}
end

-- The number that this callee was shown last, if nothing but cooldown or rotation is against it,
-- and the first step that has it: what it is to this callee.
local function sticky_record(callee, plan, barred)
  local shown = sticky_of(callee, plan[3])
  local record = shown and not barred[shown] and record_of(shown)
  if not record or record[OUT] > 0 or (record[AVOID][plan[2]] or 0) > now or holds(record) then
    return nil
  end
  for _, step in ipairs(plan[1]) do
    if stands_in(record, step[2]) then return record, step end
  end
  return nil
end

-- Why a candidate is passed over, and what its limits hold it for, if it is they; nil for none.
local function reason_against(record, barred, cooling, region)
  local number = record[NUMBER]
  if barred[number] then return 'excluded' end
  if cooling[number] then return 'cooldown' end
  if (record[AVOID][region] or 0) > now then return 'region' end
  local held = holds(record)
  if held then return held[1][1], held end
  return nil
end

-- Walks a step; adds to the uses of a choice, and to who was passed over.
local function walk(step, choice, count, dry_run)
  local names, order = step[2], orders[step] or order_of(step)
  local uses, seen, rejected = choice.uses, choice.seen, choice.rejected
  local scanned, kept_out = 0, {}
  local record, at, at_returned, at_used = next_candidate(order, names, order.first, 1, 1)
  while record and #uses < count and scanned < SCAN_LIMIT do
    if not seen[record] then
      seen[record] = true
      local reason, held = reason_against(record, choice.barred, choice.cooling, choice.region)
      if reason then
        rejected[reason] = (rejected[reason] or 0) + 1
        scanned = scanned + 1
        if held then kept_out[#kept_out + 1] = {record, held} end
      else
        uses[#uses + 1] = {record[NUMBER], mark_of(step, record) .. choice.arm}
      end
      look(choice.looks, record, step[1], reason or '')
    end
    record, at, at_returned, at_used = next_candidate(order, names, at, at_returned, at_used)
  end
  -- Limits that were lowered meanwhile: the walk is over, so these may be moved now.
  for i = 1, dry_run and 0 or #kept_out do park_for(kept_out[i][1], kept_out[i][2]) end
end

local function count_parked(steps, rejected)
  local parked = 0
  for _, name in ipairs(steps[1] and steps[#steps][2] or NONE) do
    parked = parked + parked_in(name)
  end
  if parked > 0 then rejected.parked = parked end
end

-- The arm goes behind the mark of each use.
local function pick(plan, digest, call_digest, body, count, excluded, dry_run, explain, arm)
  local callee = digest ~= '' and known_callee(digest)
  local answer = refused(callee, call_digest, body, dry_run)
  if answer then return answer end

  local steps, region, groups = plan[1], plan[2], plan[3]
  local barred, cooling, sticky, sticky_step = NONE, NONE, nil, nil
  if excluded[1] then
    barred = {}
    for _, number in ipairs(excluded) do barred[number] = true end
  end
  if callee and callee.uses[1] then
    if stickiness > 0 then sticky, sticky_step = sticky_record(callee, plan, barred) end
    if cooldown > 0 then cooling = shown_within(callee, cooldown) end
  end

  -- Most picks end here, and leave no table behind: with the first candidate there is.
  local first = steps[1]
  if count == 1 and first and not (sticky or explain or dry_run) then
    local order = orders[first] or order_of(first)
    local record = next_candidate(order, first[2], order.first, 1, 1)
    if record and not reason_against(record, barred, cooling, region) then
      local mark = mark_of(first, record) .. arm
      return record_use(record, mark, digest, groups, call_digest, body)
    end
  end

  local choice = {uses = {}, seen = {}, rejected = {}, looks = explain and {},
    barred = barred, cooling = cooling, region = region, arm = arm}
  if sticky then
    choice.seen[sticky] = true
    choice.uses[1] = {sticky[NUMBER], 'sticky ' .. mark_of(sticky_step, sticky) .. arm}
    look(choice.looks, sticky, 'sticky', '')
  end
  for i = 1, #steps do walk(steps[i], choice, count, dry_run) end
  if #choice.uses == 0 then
    count_parked(steps, choice.rejected)
  elseif not dry_run then
    record_uses(choice.uses, digest, groups, call_digest, body, now, NONE)
  end
  return picked(choice.uses, reasons_of(choice.rejected), choice.looks)
end
