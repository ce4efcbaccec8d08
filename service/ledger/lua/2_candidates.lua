-- Candidates of a step, the least recently used first, over the homes of all its pools.
--
-- A number lives in one home, with all that are in the same pools; a pool lists its homes by the
-- turn of the first number of each. So a use moves one score in one sorted set, however many pools
-- the number is in, and a step merges the homes of its pools. For example, with the groups `sales`
-- and `survey`:
--
--   home:A  (in sales alone)       n1 turn 3, n4 turn 9      pool:sales   A 3, B 5
--   home:B  (in sales and survey)  n2 turn 5, n3 turn 7      pool:survey  B 5
--
-- Where a home is alone in a pool, its turn there may be too low, as it orders nothing. Once another
-- joins, it is opened too early until its turn is right; its numbers are compared by their own turns.
--
-- A step over both pools opens A, whose first turn is the lowest, and gives n1. It opens B only as
-- soon as nothing below 5 is left in A: n2, n3, and then n4. A step over `survey` has one home, and
-- reads it in its order without any merging.
--
-- What this call itself has moved is left out of those orders (MOVED): numbers that came back stand
-- in `returned`, those that it has used in `used`, with the highest turns of all, so they come last.

local views      -- home -> the free records of its sorted set, as far as they were read
local heads      -- pool -> its homes, each before the turn of its first number, as far as read
local orders     -- pool names, and steps -> the records of their homes in one order, as far as merged
local first_used -- of those used before it, none has its turn any more

local begin_reading = begin
local function begin(bases, arguments)
  local answer = begin_reading(bases, arguments)
  if answer then return answer end
  views, heads, orders, first_used = memory.views, memory.heads, {}, 1
end

-- `from` is the `first` of its records as the call begins.
local function view_of(home, chunk)
  local view = views[home]
  if not view then
    chunk = max(chunk, memory.chunks[home] or 0)
    view = {home = home, chunk = chunk, read = 0, complete = false, first = 1, from = 1}
    views[home] = view
  end
  return view
end

local function read_view(view)
  local found = call('ZRANGE', keys.home .. view.home, text_of(view.read),
    text_of(view.read + view.chunk - 1))
  view.complete = #found < view.chunk
  view.read = view.read + #found
  view.chunk = min(2 * view.chunk, AT_ONCE)
  load(found)
  local size = #view
  for i = 1, #found do
    local record = records[found[i]]
    if record and not record[MOVED] then
      if record[OUT] > 0 then
        view.complete = true
        return
      end
      size = size + 1
      view[size] = record
    else
      view.has_gaps = true
    end
  end
end

-- The record at the position after the last one read, if there is one.
local function read_on(view, position)
  while not view.complete and not view[position] do read_view(view) end
  return view[position]
end

-- The first record of a view, at or after a cursor's position, that was not moved in this call.
local function unmoved(cursor)
  local view = cursor.view
  local record = view[cursor.at] or read_on(view, cursor.at)
  while record and record[MOVED] do
    cursor.at = cursor.at + 1
    record = view[cursor.at] or read_on(view, cursor.at)
  end
  return record
end

-- A first look at a pool is a short one: most have one home.
local function read_heads(name)
  local known = heads[name]
  if not known then
    known = {chunk = 2, complete = false}
    heads[name] = known
  end
  local size = #known / 2
  local found = call('ZRANGE', keys.pool .. name, text_of(size),
    text_of(size + known.chunk - 1), 'WITHSCORES')
  kept_records = kept_records + 1 + #found / 6
  known.complete = #found < 2 * known.chunk
  known.chunk = min(batch + 1, AT_ONCE)
  for i = 1, #found, 2 do
    local score = tonumber(found[i + 1])
    if score >= PARK then
      known.complete = true
      break
    end
    known[2 * size + 1], known[2 * size + 2] = found[i], score
    size = size + 1
  end
  return known
end

-- The next home of a pool and the turn of its first number.
local function head(name, position)
  local known = heads[name] or read_heads(name)
  while not (known[2 * position] or known.complete) do read_heads(name) end
  return known[2 * position - 1], known[2 * position]
end

-- The view of the home that all these pools have for their only one; nil if there are more.
local function only_view(names)
  local only
  for i = 1, #names do
    local home = head(names[i], 1)
    if head(names[i], 2) or (only and home and home ~= only) then return nil end
    only = only or home
  end
  return only and view_of(only, min(batch + 1, AT_ONCE)) or {complete = true, first = 1}
end

local function order_of(step)
  local names = step[2]
  local key = names[2] and table.concat(names, '\n') or names[1]
  local order = orders[key] or only_view(names) or {cursors = {}, opened = {}, at = {}, first = 1}
  orders[key], orders[step] = order, order
  return order
end

-- Opens the homes that may hold a number of a lower turn than this, and says which does.
local function open_homes(order, names, source, lowest)
  for i, name in ipairs(names) do
    local at = order.at[i] or 1
    local home, first_turn = head(name, at)
    while home and first_turn < lowest do
      if not order.opened[home] then
        order.opened[home] = true
        local view = view_of(home, 2)
        local cursor = {view = view, at = view.first}
        order.cursors[#order.cursors + 1] = cursor
        local record = unmoved(cursor)
        if record and record[TURN] < lowest then source, lowest = cursor, record[TURN] end
      end
      at = at + 1
      home, first_turn = head(name, at)
    end
    order.at[i] = at
  end
  return source
end

-- Appends the next record to an order; nil where there is none. That of one home is its view.
local function extend(order, names)
  if not order.cursors then return read_on(order, #order + 1) end
  local source, lowest = nil, PARK
  for _, cursor in ipairs(order.cursors) do
    local record = unmoved(cursor)
    if record and record[TURN] < lowest then source, lowest = cursor, record[TURN] end
  end
  source = open_homes(order, names, source, lowest)
  if not source then return nil end
  local record = source.view[source.at]
  source.at = source.at + 1
  order[#order + 1] = record
  return record
end

local function stands_in(record, names)
  local pools = homes[record[HOME]].pools
  for _, name in ipairs(names) do
    if string.find(pools, '\n' .. name .. '\n', 1, true) then return true end
  end
  return false
end

-- The next record, at or after a position, of those that moved and stand in one of the pools.
local function next_returned(position, names)
  local record = returned[position]
  while record and not (record[TURN] <= start and record[OUT] == 0 and stands_in(record, names)) do
    position = position + 1
    record = returned[position]
  end
  return record, position
end

local function next_used(position, names)
  position = max(position, first_used)
  local record = used[position]
  while record do
    if record[TURN] ~= start + position then
      if position == first_used then first_used = position + 1 end
    elseif record[OUT] == 0 and stands_in(record, names) then
      break
    end
    position = position + 1
    record = used[position]
  end
  return record, position
end

local function before(record, other)
  return record[TURN] < other[TURN] or
    (record[TURN] == other[TURN] and record[NUMBER] < other[NUMBER])
end

-- The candidate of a step that follows on three positions, and the three after it: in the order of
-- those that have not moved, among the returned, and among the used, whose turns are the last.
local function next_candidate(order, names, at, at_returned, at_used)
  local record = order[at] or extend(order, names)
  while record and record[MOVED] do
    if at == order.first then order.first = at + 1 end
    at = at + 1
    record = order[at] or extend(order, names)
  end
  if returned[1] then
    local early
    early, at_returned = next_returned(at_returned, names)
    if early and (not record or before(early, record)) then
      return early, at, at_returned + 1, at_used
    end
  end
  if record then return record, at + 1, at_returned, at_used end
  record, at_used = next_used(at_used, names)
  return record, at, at_returned, at_used + 1
end
