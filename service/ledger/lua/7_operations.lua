-- The other operations, by name; each answers as `port.py` says. They are defined only in a call
-- that has one of them.

local function other_operations()
  local run = {}
  local PICKER = '-' -- among the processes of a repeated answer: the one that picked did not show it
  local LIMIT_REASONS = {'max_per_hour', 'max_per_day', 'max_concurrent', 'rest'}

  local function review(number)
    local record = record_of(number)
    if not record then return end
    if record[OUT] == 0 and not (record[PARKS] or holds(record)) then return mark_dirty(record) end
    load_parks({number})
    for _, reason in ipairs(LIMIT_REASONS) do record[PARKS][reason] = nil end
    for _, reason in ipairs(holds(record) or NONE) do record[PARKS][reason[1]] = reason[2] end
    settle(record)
  end

  local function lease_of(record)
    return homes[record[HOME]].limits[4]
  end

  -- Frees or renews the lease that a turn holds.
  local function touch_lease(number, turn_of_use, final)
    local record = record_of(number)
    if not record then return end
    local open, found = {}, false
    for i = 1, #record[LEASES], 2 do
      local ends = record[LEASES][i + 1]
      if record[LEASES][i] == turn_of_use then
        found = true
        ends = final and 0 or now + lease_of(record)
      end
      if ends > now then
        open[#open + 1] = record[LEASES][i]
        open[#open + 1] = ends
      end
    end
    if not found then return end
    record[LEASES] = open
    review(number)
  end

  -- One that is not a member has no turn to write.
  function run.take(dry_run, number, digest, groups, call_digest, body)
    local callee = digest ~= '' and callee_of(digest)
    local answer = refused(callee, call_digest, body, dry_run)
    if answer then return answer end
    if callee and cooldown > 0 and shown_within(callee, cooldown)[number] then
      return picked({}, {{'cooldown', 1}})
    end
    local record = record_of(number)
    if record and record[OUT] > 0 then return picked({}, {{'parked', 1}}) end
    local held = record and holds(record)
    if held then return picked({}, {{held[1][1], 1}}) end
    local uses = {{number, 'ccc'}}
    if not dry_run then record_uses(uses, digest, groups, call_digest, body, now, NONE) end
    return picked(uses, NONE)
  end

  -- The numbers whose counts were written back to a wiped ledger with all up to an instant in them.
  local function restored_with(numbers, instant)
    if instant == 0 then return NONE end
    local counted = {}
    local restored = call('HMGET', keys.restored, unpack(numbers))
    for i, number in ipairs(numbers) do
      counted[number] = restored[i] and sane(restored[i], PARK, 0) >= instant
    end
    return counted
  end

  -- What was picked elsewhere, while this ledger was out of reach: counted, not judged. An answer
  -- that is remembered under the call has been counted. `applied` is the instant at which this
  -- ledger had applied it before it lost that; 0 if it never had.
  function run.record(uses, instant, digest, groups, call_digest, body, applied)
    if answered_before(call_digest) then return false end
    local numbers = {}
    for i, one in ipairs(uses) do numbers[i] = one[1] end
    local counted = restored_with(numbers, applied)
    record_uses(uses, digest, groups, call_digest, body, min(instant, now), counted)
    return true
  end

  local function undo_use(number, instant)
    local record = record_of(number)
    if not record then return end
    record[IN_HOUR] = max(0, used_in_hour(record) - (instant >= hour and 1 or 0))
    record[IN_DAY] = max(0, used_in_day(record) - (instant >= day and 1 or 0))
    record[HOUR_OF], record[DAY_OF], record[LAST] = hour, day, now
    for i = 1, #record[LEASES], 2 do
      if record[LEASES][i + 1] == instant + lease_of(record) then
        table.remove(record[LEASES], i)
        table.remove(record[LEASES], i)
        break
      end
    end
    review(number)
  end

  -- Notes that this process did not show an answer, be it that it picked it or that it was repeated
  -- to it; returns whether no other did.
  local function is_unshown(known, is_repetition)
    local others, has_picked = ' ', not is_repetition
    for other in string.gmatch(known[7] or '', '[^ ]+') do
      has_picked = has_picked or other == PICKER
      if other ~= PICKER and other ~= process then others = others .. other .. ' ' end
    end
    known[6], known[7] = true, has_picked and others .. PICKER .. ' ' or others
    return has_picked and others == ' '
  end

  -- What this ledger counted at an instant, and nobody was shown: taken back, but for the turn. A
  -- call that is remembered of another instant was answered before, and nothing was counted; one that
  -- was repeated to another process stands until that one too has not shown it.
  function run.undo(numbers, instant, digest, call_digest, applied, is_repetition)
    local is_remembered = call_digest ~= '' and call_ttl > 0
    local known = is_remembered and call_of(call_digest)
    if is_remembered and not (known and known[2] == instant) then return false end
    if known and not is_unshown(known, is_repetition) then return false end
    local undone = restored_with(numbers, applied)
    for _, number in ipairs(numbers) do
      if not undone[number] then undo_use(number, instant) end
    end
    local callee = digest ~= '' and callee_of(digest)
    for i = callee and #callee.uses or 0, 1, -1 do
      if callee.uses[i][1] == instant and callee.uses[i][3] == numbers[1] then
        table.remove(callee.uses, i)
        callee.changed = true
        break
      end
    end
    if known then known[2] = 0 end
    return true
  end

  -- What was repeated to this process, and not shown by it.
  function run.retract(call_digest)
    local known = call_ttl > 0 and call_of(call_digest)
    if not known or known[2] == 0 then return false end
    local numbers = {}
    for i, one in ipairs(known[4]) do numbers[i] = one[1] end
    return run.undo(numbers, known[2], known[3], call_digest, 0, true)
  end

  function run.park(number, reason, instant)
    local record = record_of(number)
    if not record then return false end
    park_for(record, {{reason, instant}})
    return true
  end

  function run.unpark(number, reason)
    local record = parks_of(number)
    if not record or not record[PARKS][reason] then return false end
    record[PARKS][reason] = nil
    settle(record)
    return true
  end

  run['return'] = take_back

  function run.review(numbers)
    load_parks(numbers)
    for _, number in ipairs(numbers) do review(number) end
    return true
  end

  function run.cap(number, per_day)
    local record = record_of(number)
    if not record then return false end
    record[CAP] = per_day
    review(number)
    return true
  end

  function run.avoid(number, region, instant)
    local record = parks_of(number)
    if not record then return false end
    local avoid = {}
    for known, ends in pairs(record[AVOID]) do
      if ends > now then avoid[known] = ends end
    end
    avoid[region] = instant
    record[AVOID] = avoid
    settle(record)
    return true
  end

  -- The words to a stop, which stand before the uses.
  local function words_of(callee)
    local first = callee.uses[1]
    return first and not first[3] and first[2]
  end

  function run.stop(digest, instant, by, reason, replaces)
    local callee = callee_of(digest)
    local was_stopped = callee.stopped > now
    if replaces or instant >= callee.stopped then
      if words_of(callee) then table.remove(callee.uses, 1) end
      if instant > now and by .. reason ~= '' then
        table.insert(callee.uses, 1, {0, by .. '\n' .. reason})
      end
      callee.stopped, callee.changed = instant, true
    end
    return was_stopped
  end

  function run.describe_callee(_, digest)
    local callee, uses = callee_of(digest), {}
    for _, entry in ipairs(callee.uses) do
      if entry[1] > now - horizon then
        local shown = {}
        for i = 3, #entry, 3 do shown[#shown + 1] = entry[i] end
        uses[#uses + 1] = {entry[1], entry[2], shown}
      end
    end
    if callee.stopped <= now then return {0, '', '', uses} end
    local by, reason = string.match(words_of(callee) or '', '^(.-)\n(.*)$')
    return {callee.stopped, by or '', reason or '', uses}
  end

  function run.describe(_, numbers)
    local standings = {}
    load_parks(numbers)
    for i, number in ipairs(numbers) do
      local record = records[number]
      local parks = {}
      for reason, instant in pairs(record and record[PARKS] or NONE) do
        if instant > now then parks[#parks + 1] = {reason, instant} end
      end
      table.sort(parks, function(one, other) return one[1] < other[1] end)
      standings[i] = record and
        {used_in_hour(record), used_in_day(record), #open_leases(record) / 2, parks,
          homes[record[HOME]].limits[1], day_cap(record)} or {0, 0, 0, {}}
    end
    return standings
  end

  -- The pick of an outcome; one number goes as text, as in the answer to a pick.
  local function found(state, uses)
    if #uses == 1 then return state .. ' ' .. uses[1][1] .. ' ' .. uses[1][2] end
    return {state, shown_of(uses)}
  end

  -- An outcome that names one number of a pick is about that one; the leases of all are touched.
  local function follow_call(known, number, final)
    local named = known[4]
    if number ~= '' then
      named = {}
      for _, one in ipairs(known[4]) do
        if one[1] == number then named[#named + 1] = one end
      end
    end
    if #named == 0 then return found('unknown', NONE) end
    if known[5] then return found('over', named) end
    for _, one in ipairs(known[4]) do touch_lease(one[1], one[3], final) end
    if final then known[5], known[6] = true, known[6] or ENDED end
    return found('followed', named)
  end

  local function follow_callee(callee, number, final)
    for i = #callee.uses, 1, -1 do
      local entry = callee.uses[i]
      for j = 3, #entry, 3 do
        if entry[j] == number then
          local named = {{number, entry[j + 2]}}
          if entry[j + 1] == 0 then return found('over', named) end
          for k = 3, #entry, 3 do
            touch_lease(entry[k], entry[k + 1], final)
            if final then entry[k + 1] = 0 end
          end
          callee.changed = callee.changed or final
          return found('followed', named)
        end
      end
    end
    return found('unknown', NONE)
  end

  function run.outcome(call_digest, digest, number, final)
    if call_digest ~= '' then
      local known = call_of(call_digest)
      if not known or known[2] <= now - call_ttl then return found('unknown', NONE) end
      return follow_call(known, number, final)
    end
    return follow_callee(callee_of(digest), number, final)
  end

  return run
end
