-- Reads the clock and any number of records: KEYS[2] and further.
-- ARGV[2] is the latest reading that the caller has seen, ARGV[3] the number of bytes after which it stops.
-- The clock ticks rather than flows: each reading is the one that is stored, so no later one can be earlier.
local TICK, MOST = 50000, 9e15
local stored, offset, seen = tonumber(state[2] or '0'), tonumber(state[3] or '0'), tonumber(ARGV[2])
if not stored or not offset or stored ~= stored or offset ~= offset or stored > MOST or offset > MOST then
  return {'damaged', 'clock'}
end
local last = math.ceil(math.max(stored, math.min(seen, MOST)) / TICK) * TICK
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local reading = math.floor((now + offset) / TICK) * TICK
local moved = false
if reading < last then
  -- The machine's clock was set back, or another machine took over: ours goes on from where it was.
  offset, reading, moved = last - now, last, true
end
if reading ~= stored or moved or not state[1] then
  redis.call('HSET', KEYS[1], 'format', ARGV[1], 'clock', string.format('%.0f', reading),
    'offset', string.format('%.0f', offset))
end
local answer, bytes, most = {'ok', string.format('%.0f', reading)}, 0, tonumber(ARGV[3])
for at = 2, #KEYS do
  local found = redis.call('HMGET', KEYS[at], 'revision', 'sealed')
  if found[1] and found[2] then
    answer[#answer + 1] = found[1]
    answer[#answer + 1] = found[2]
    bytes = bytes + #found[2]
  elseif found[1] or found[2] then
    return {'damaged', 'record'}
  else
    answer[#answer + 1] = ''
    answer[#answer + 1] = ''
  end
  if bytes >= most then
    break
  end
end
return answer
