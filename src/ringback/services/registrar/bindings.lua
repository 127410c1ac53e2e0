-- Apply one REGISTER to the bindings of a DN (RFC 3261 10.3 steps 6 to 8), or only clear what has expired.
-- KEYS: bindings hash, expiries, event stream. ARGV: now (ms), dn, changes (JSON list), limit, event (JSON),
-- stream length. A change is {id, call_id, cseq, expires_at (ms, 0 removes), value}. Returns
-- {verdict, contacts before, contacts after, event sent or "", living bindings...}.
local now = tonumber(ARGV[1])
local changes = cjson.decode(ARGV[3])

local living, before = {}, 0
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local binding = cjson.decode(flat[i + 1])
  if binding.expires_at * 1000 > now then
    living[flat[i]] = {flat[i + 1], binding}
    before = before + 1
  else
    redis.call('HDEL', KEYS[1], flat[i])
  end
end
local in_service = redis.call('ZSCORE', KEYS[2], ARGV[2]) ~= false

for _, change in ipairs(changes) do
  local old = living[change.id]
  if old and old[2].call_id == change.call_id and (old[2].cseq or 0) >= change.cseq then
    return {'out_of_order', before, before, ''}
  end
end
local after = before
for _, change in ipairs(changes) do
  if not living[change.id] and change.expires_at > 0 then after = after + 1 end
  if living[change.id] and change.expires_at == 0 then after = after - 1 end
end
if after > tonumber(ARGV[4]) then return {'too_many', before, before, ''} end

for _, change in ipairs(changes) do
  if change.expires_at > 0 then
    redis.call('HSET', KEYS[1], change.id, change.value)
    living[change.id] = {change.value, cjson.decode(change.value)}
  else
    redis.call('HDEL', KEYS[1], change.id)
    living[change.id] = nil
  end
end

local last, result, count = 0, {}, 0
for _, entry in pairs(living) do
  last = math.max(last, entry[2].expires_at * 1000)
  table.insert(result, entry[1])
  count = count + 1
end
local name = ''
if count > 0 then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
  redis.call('ZADD', KEYS[2], string.format('%.0f', last), ARGV[2])
  if not in_service then name = 'EventDNBackInService' end
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[2])
  if in_service then name = 'EventDNOutOfService' end
end
local sent = ''
if name ~= '' then
  local event = cjson.decode(ARGV[5])
  event.id = name
  event.Contacts = count
  if name == 'EventDNBackInService' then event.Reason = nil end
  sent = cjson.encode(event)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'e', sent)
end
return {'ok', before, count, sent, unpack(result)}
