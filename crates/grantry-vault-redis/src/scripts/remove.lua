-- Removes a record if it is as expected. KEYS: state, record, index. ARGV: format, key, precondition, channel.
local current = redis.call('HGET', KEYS[2], 'revision')
if not current or '=' .. current ~= ARGV[3] then
  return {'conflict'}
end
redis.call('PUBLISH', ARGV[4], ARGV[2])
redis.call('DEL', KEYS[2])
-- An entry of the index without a record is skipped, so it does no harm when this is refused.
redis.pcall('ZREM', KEYS[3], ARGV[2])
return {'ok'}
