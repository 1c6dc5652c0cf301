-- KEYS[1] is the state of the whole store, ARGV[1] the format that the caller knows.
local state = redis.call('HMGET', KEYS[1], 'format', 'clock', 'offset')
if state[1] and state[1] ~= ARGV[1] then
  return {'format', state[1]}
end
