-- Writes a record if it is as expected. KEYS: state, record, index.
-- ARGV: format, key, precondition, sealed, random part of the revision, channel, whether the tenant is registered.
local current = redis.call('HGET', KEYS[2], 'revision')
if (current and '=' .. current or 'absent') ~= ARGV[3] then
  return {'conflict'}
end
if ARGV[7] == '0' and redis.call('EXISTS', KEYS[3]) == 0 then
  return {'register'}
end
-- Nothing is rolled back when a step is refused, so the record is written last: an error means that it was not.
if not state[1] then
  redis.call('HSET', KEYS[1], 'format', ARGV[1])
end
local revision = redis.call('HINCRBY', KEYS[1], 'writes', 1) .. '-' .. ARGV[5]
redis.call('PUBLISH', ARGV[6], ARGV[2])
if not current then
  redis.call('ZADD', KEYS[3], 0, ARGV[2])
end
redis.call('HSET', KEYS[2], 'revision', revision, 'sealed', ARGV[4])
return {'ok', revision}
