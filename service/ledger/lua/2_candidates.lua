-- Candidates of a level, the least recently used first, over the pools of all its groups.

local function is_parked(record)
  return record.parks ~= nil and next(record.parks) ~= nil
end

local function return_of(parks)
  local latest = 0
  for _, instant in pairs(parks) do latest = math.max(latest, instant) end
  return latest
end

local function view_of(name)
  local view = views[name]
  if not view then
    view = {numbers = {}, turns = {}, first = 1, chunk = math.min(64, #operations + 1)}
    views[name] = view
  end
  return view
end

local function extend(name, view)
  local size = #view.numbers
  local last = size + view.chunk - 1
  local found = redis.call('ZRANGE', base .. 'pool:' .. name, size, last, 'WITHSCORES')
  local fresh = {}
  view.complete = #found < 2 * view.chunk
  for i = 1, #found, 2 do
    local score = tonumber(found[i + 1])
    if score >= PARK then
      view.complete = true
      break
    end
    fresh[#fresh + 1] = found[i]
    view.numbers[#view.numbers + 1] = found[i]
    view.turns[#view.turns + 1] = score
  end
  view.chunk = 64
  load(fresh)
end

-- The first number of a view, at or after a position, that was not moved in this call.
local function unmoved(name, view, position)
  while true do
    local number = view.numbers[position]
    if number == nil then
      if view.complete then return position end
      extend(name, view)
    elseif records[number] and not records[number].moved then
      return position, number, view.turns[position]
    else
      if position == view.first then view.first = position + 1 end
      position = position + 1
    end
  end
end

local function stands_in(number, names)
  local set = homes[records[number].home]
  for _, name in ipairs(names) do
    if set[name] then return true end
  end
  return false
end

-- The next of the moved numbers that still has its turn and stands in one of the pools.
local function next_moved(list, position, names)
  position = math.max(position, list.first)
  while list[position] do
    local number, record = list[position].number, records[list[position].number]
    if record.turn ~= list[position].turn then
      if position == list.first then list.first = position + 1 end
    elseif not is_parked(record) and stands_in(number, names) then
      return position, number, record.turn
    end
    position = position + 1
  end
  return position
end

local function before(score, number, other_score, other)
  return other == nil or score < other_score or (score == other_score and number < other)
end

-- Walks the pools in order of turn; a number that stands in two of them may come twice.
local function candidates(names)
  local at, at_returned, at_used = {}, 1, 1
  for i, name in ipairs(names) do at[i] = view_of(name).first end
  return function()
    local source, best, lowest
    for i, name in ipairs(names) do
      local position, number, score = unmoved(name, views[name], at[i])
      at[i] = position
      if number and before(score, number, lowest, best) then
        source, best, lowest = i, number, score
      end
    end
    local number, score
    at_returned, number, score = next_moved(returned, at_returned, names)
    if number and before(score, number, lowest, best) then
      at_returned = at_returned + 1
      return number
    end
    if best then
      at[source] = at[source] + 1
      return best
    end
    at_used, number = next_moved(used, at_used, names)
    at_used = at_used + 1
    return number
  end
end
