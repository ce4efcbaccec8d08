-- The operations, by name; each answers as `port.py` says.

local run = {}

local function picked(uses, reasons, looks)
  local shown = {}
  for i, one in ipairs(uses) do shown[i] = {one[1], one[2]} end
  return {shown, reasons, '', 0, looks or NONE}
end

-- What was answered under this call before, or a refusal; nil for a new one.
local function answered_before(call, body)
  local known = call ~= '' and call_of(call)
  if not known or known[2] <= now - rules.idempotency then return nil end
  if known[1] ~= body then return {{}, {}, 'reused', 0, {}} end
  return picked(known[4], {})
end

-- Takes the turns, and remembers the pick for the callee's rules, for a repetition, for an outcome.
local function record_uses(uses, digest, groups, call, body, instant)
  for _, one in ipairs(uses) do
    one[3] = records[one[1]] and use(one[1], instant) or 0
  end
  if digest ~= '' and instant > now - rules.horizon then
    remember_use(callee_of(digest), groups, uses, instant)
  end
  if call ~= '' and instant > now - call_ttl() then
    remember_call(call, body, digest, uses, instant)
  end
end

local function reasons_of(rejected)
  if next(rejected) == nil then return NONE end
  local reasons = {}
  for reason, count in pairs(rejected) do reasons[#reasons + 1] = {reason, count} end
  table.sort(reasons, function(one, other) return one[1] < other[1] end)
  return reasons
end

local function look(looks, number, level, reason)
  if not looks then return end
  local record = records[number]
  looks[#looks + 1] =
    {number, level, record.turn, used_in_hour(record), used_in_day(record), reason}
end

function run.pick(dry_run, steps, count, excluded, digest, groups, call, body, explain, region)
  local before_this = not dry_run and answered_before(call, body)
  if before_this then return before_this end
  local callee = digest ~= '' and callee_of(digest)
  local free = callee and free_at(callee) or 0
  if free > 0 then return {{}, {}, 'budget', free, {}} end

  local seen, uses, rejected, looks = {}, {}, {}, explain and {}
  local barred = excluded[1] and {} or NONE
  for _, number in ipairs(excluded) do barred[number] = 'excluded' end

  local shown = callee and rules.sticky > 0 and sticky_of(callee, groups)
  if shown and not barred[shown] then
    local record = load_parks(shown)
    if record and not is_parked(record) and #holds(record) == 0 and
        (record.avoid[region] or 0) <= now then
      for _, step in ipairs(steps) do
        if not seen[shown] and stands_in(shown, step[2]) then
          seen[shown], uses[1] = true, {shown, 'sticky'}
          look(looks, shown, 'sticky', '')
        end
      end
    end
  end

  local cooling = callee and rules.cooldown > 0 and shown_within(callee, rules.cooldown) or NONE
  for _, step in ipairs(steps) do
    if #uses == count then break end
    local level, scanned, kept_out = step[1], 0, nil
    for number in candidates(step[2]) do
      if not seen[number] then
        seen[number] = true
        local reason = barred[number] or (cooling[number] and 'cooldown') or
          ((records[number].avoid[region] or 0) > now and 'region')
        local held = not reason and holds(records[number]) or NONE
        reason = reason or (held[1] and held[1][1])
        if reason then
          look(looks, number, level, reason)
          rejected[reason] = (rejected[reason] or 0) + 1
          scanned = scanned + 1
          if held[1] then
            kept_out = kept_out or {}
            kept_out[#kept_out + 1] = {number, held}
          end
        else
          look(looks, number, level, '')
          uses[#uses + 1] = {number, level}
        end
      end
      if #uses == count or scanned == SCAN_LIMIT then break end
    end
    -- Limits that were lowered meanwhile: the walk is over, so these may be moved now.
    if not dry_run then
      for _, out in ipairs(kept_out or NONE) do park_for(out[1], out[2]) end
    end
  end

  if #uses == 0 then
    local parked = 0
    for _, name in ipairs(steps[1] and steps[#steps][2] or {}) do parked = parked + parked_in(name) end
    if parked > 0 then rejected.parked = parked end
  elseif not dry_run then
    record_uses(uses, digest, groups, call, body, now)
  end
  return picked(uses, reasons_of(rejected), looks)
end

-- One that is not a member has no turn to write.
function run.take(dry_run, number, digest, groups, call, body)
  local before_this = not dry_run and answered_before(call, body)
  if before_this then return before_this end
  local callee = digest ~= '' and callee_of(digest)
  local free = callee and free_at(callee) or 0
  if free > 0 then return {{}, {}, 'budget', free, {}} end
  if callee and rules.cooldown > 0 and shown_within(callee, rules.cooldown)[number] then
    return picked({}, {{'cooldown', 1}})
  end
  local record = load_parks(number)
  if record and is_parked(record) then return picked({}, {{'parked', 1}}) end
  local held = record and holds(record) or {}
  if #held > 0 then return picked({}, {{held[1][1], 1}}) end
  local uses = {{number, 'ccc'}}
  if not dry_run then record_uses(uses, digest, groups, call, body, now) end
  return picked(uses, {})
end

-- What was picked elsewhere, while this ledger was out of reach: counted, not judged.
function run.record(uses, instant, digest, groups, call, body, unless_known)
  if unless_known and answered_before(call, body) then return false end
  local shown = {}
  for i, one in ipairs(uses) do
    load_parks(one[1])
    shown[i] = {one[1], one[2]}
  end
  record_uses(shown, digest, groups, call, body, math.min(instant, now))
  return true
end

local function undo_use(number, instant)
  local record = load_parks(number)
  if not record then return end
  if instant >= window(HOUR) then record.in_hour = math.max(0, used_in_hour(record) - 1) end
  if instant >= window(DAY) then record.in_day = math.max(0, used_in_day(record) - 1) end
  for i = 1, #record.leases, 2 do
    if record.leases[i + 1] == instant + lease_of(number) then
      table.remove(record.leases, i)
      table.remove(record.leases, i)
      break
    end
  end
  review(number)
end

-- What this ledger counted at an instant, and nobody was shown: taken back, but for the turn. A
-- call that is remembered of another instant was answered before, and nothing was counted.
function run.undo(numbers, instant, digest, call)
  local known = call ~= '' and call_ttl() > 0 and call_of(call)
  if known == false and call ~= '' and call_ttl() > 0 then return false end
  if known and known[2] ~= instant then return false end
  for _, number in ipairs(numbers) do undo_use(number, instant) end
  local callee = digest ~= '' and callee_of(digest)
  for i = callee and #callee.uses or 0, 1, -1 do
    if callee.uses[i][1] == instant and callee.uses[i][3] == numbers[1] then
      table.remove(callee.uses, i)
      callee.changed = true
      break
    end
  end
  if known then known[2], known[6] = 0, true end
  return true
end

function run.park(number, reason, instant)
  if not load_parks(number) then return false end
  park_for(number, {{reason, instant}})
  return true
end

function run.unpark(number, reason)
  local record = load_parks(number)
  if not record or not record.parks[reason] then return false end
  record.parks[reason] = nil
  settle(number, record)
  return true
end

run['return'] = take_back

function run.review(numbers)
  for _, number in ipairs(numbers) do review(number) end
  return true
end

function run.cap(number, per_day)
  local record = load_parks(number)
  if not record then return false end
  record.cap = per_day
  review(number)
  return true
end

function run.avoid(number, region, instant)
  local record = load_parks(number)
  if not record then return false end
  local avoid = {}
  for known, ends in pairs(record.avoid) do
    if ends > now then avoid[known] = ends end
  end
  avoid[region] = instant
  record.avoid = avoid
  settle(number, record)
  return true
end

function run.stop(digest, instant)
  local callee = callee_of(digest)
  callee.stopped, callee.changed = math.max(callee.stopped, instant), true
  return true
end

function run.describe(_, numbers)
  local standings = {}
  for i, number in ipairs(numbers) do
    local record = load_parks(number)
    local parks = {}
    for reason, instant in pairs(record and record.parks or {}) do
      if instant > now then parks[#parks + 1] = {reason, instant} end
    end
    table.sort(parks, function(one, other) return one[1] < other[1] end)
    local limits = record and limits_at[record.home]
    standings[i] = record and
      {used_in_hour(record), used_in_day(record), #open_leases(record) / 2, parks, limits[1],
        day_cap(record, limits)} or {0, 0, 0, {}}
  end
  return standings
end

local function level_and_number(uses)
  local shown = {}
  for i, one in ipairs(uses) do shown[i] = {one[1], one[2]} end
  return shown
end

-- An outcome that names one number of a pick is about that one; the leases of all are touched.
local function follow_call(known, number, final)
  local shown = level_and_number(known[4])
  if number ~= '' then
    shown = {}
    for _, one in ipairs(known[4]) do
      if one[1] == number then shown[1] = {one[1], one[2]} end
    end
    if #shown == 0 then return {'unknown', {}} end
  end
  if known[5] then return {'over', shown} end
  for _, one in ipairs(known[4]) do touch_lease(one[1], one[3], final) end
  if final then known[5], known[6] = true, true end
  return {'followed', shown}
end

local function follow_callee(callee, number, final)
  for i = #callee.uses, 1, -1 do
    local entry = callee.uses[i]
    for j = 3, #entry, 3 do
      if entry[j] == number then
        if entry[j + 1] == 0 then return {'over', {{number, entry[j + 2]}}} end
        local level = entry[j + 2]
        for k = 3, #entry, 3 do
          touch_lease(entry[k], entry[k + 1], final)
          if final then entry[k + 1] = 0 end
        end
        callee.changed = callee.changed or final
        return {'followed', {{number, level}}}
      end
    end
  end
  return {'unknown', {}}
end

function run.outcome(call, digest, number, final)
  if call ~= '' then
    local known = call_of(call)
    if not known or known[2] <= now - call_ttl() then return {'unknown', {}} end
    return follow_call(known, number, final)
  end
  return follow_callee(callee_of(digest), number, final)
end
